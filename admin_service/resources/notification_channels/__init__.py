"""Channels: where alerts are sent."""
