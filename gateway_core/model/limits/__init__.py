"""Budgets and their cycles, rate limits, throttles and whitelists."""
