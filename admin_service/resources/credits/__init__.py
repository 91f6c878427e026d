"""The credit pool: balance, top-ups, adjustments, refunds and history."""
