"""Follows Envoy's journal file: reading, replay and rotation."""
