"""Answers questions about usage from the rollups, true to the ledger at one position."""
