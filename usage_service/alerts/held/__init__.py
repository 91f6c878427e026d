"""Alerts that wait for the end of quiet hours, or for a digest."""
