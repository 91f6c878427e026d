"""The commands `megarouter usage`."""
