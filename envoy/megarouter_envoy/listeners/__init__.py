"""The two public listeners and their routes."""
