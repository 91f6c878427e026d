"""Who calls: API keys with everything above them, cached and renewed."""
