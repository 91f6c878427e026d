"""How a call is served: the guard around every RPC, and the transaction around every change."""
