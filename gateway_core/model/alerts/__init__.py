"""Alerts: what services agree on about them."""
