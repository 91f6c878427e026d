"""Measures what a router would have saved on prompts whose outcomes with several models are known."""
