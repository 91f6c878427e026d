"""Describes one stack: its files, ports, secrets, environment, providers and recorded state."""
