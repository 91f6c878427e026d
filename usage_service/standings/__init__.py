"""Keeps what lists of members, service accounts and API keys are ordered by, following the ledger by its sequence."""
