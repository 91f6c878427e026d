"""Usage reports as PDF: what they say, how they look, and whether a file still says what the ledger does."""
