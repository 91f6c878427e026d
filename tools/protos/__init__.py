"""Checks the protos of the admin API and generates code from them."""
