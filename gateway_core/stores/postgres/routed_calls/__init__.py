"""Routed calls, as more than one service reads them."""
