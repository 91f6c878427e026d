"""Adds usage up by hour, day and month, following the ledger by its sequence."""
