"""Logs, metrics, traces, and the names that they use."""
