"""Reads what a request asks for: its key, its parameters, and Envoy's messages."""
