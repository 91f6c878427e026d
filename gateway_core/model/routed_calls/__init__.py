"""Calls to virtual models: the candidates that may serve one, and the choice among them."""
