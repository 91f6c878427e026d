"""Charts: one structure for every medium, and what draws it."""
