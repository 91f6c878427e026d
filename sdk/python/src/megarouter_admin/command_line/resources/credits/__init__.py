"""The commands `megarouter credits`."""
