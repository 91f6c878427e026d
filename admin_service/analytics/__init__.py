"""Questions about usage, and their answers, true to the ledger at one position."""
