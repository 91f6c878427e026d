"""Guardrails: the limits of a scope."""
