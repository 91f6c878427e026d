"""Builds and checks the web console."""
