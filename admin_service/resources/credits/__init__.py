"""The credit pool: balance, top-ups, adjustments, history."""
