"""Policies of routing, and explanations of choices."""
