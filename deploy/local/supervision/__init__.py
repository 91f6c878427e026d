"""Starts the programs of a stack, restarts those that end, and stops all of them."""
