"""Questions about usage, and their answers."""
