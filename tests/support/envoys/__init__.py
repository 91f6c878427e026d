"""Envoys of their own, without the stack."""
