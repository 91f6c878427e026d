"""How far a number of Envoys reaches: measured constants, and what follows from them."""
