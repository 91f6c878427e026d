"""The lean transport."""
