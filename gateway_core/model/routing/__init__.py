"""Routing: virtual models, the policies about them, and the choice of the model that serves a call."""
