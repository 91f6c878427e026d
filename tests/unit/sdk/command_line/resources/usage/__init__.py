"""Checks of the commands about usage."""
