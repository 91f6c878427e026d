"""Defaults of guardrails, as admins see and set them."""
