"""Logs, traces and the names they use."""
