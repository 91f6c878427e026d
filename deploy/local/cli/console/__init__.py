"""`./dev console`."""
