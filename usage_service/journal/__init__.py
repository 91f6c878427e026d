"""Follows Envoy's journal file: reading, replay, rotation."""
