"""Starts the programs of a stack together, keeps them running, and ends them."""
