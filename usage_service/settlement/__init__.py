"""Settles calls: turns reports into usage records, ledger transfers and resolved holds."""
