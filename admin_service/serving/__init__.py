"""How a call is served: the guard that every RPC passes, and the transaction that every change runs in."""
