"""Keeps the counters in Redis in step with the ledger."""
