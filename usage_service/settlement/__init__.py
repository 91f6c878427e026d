"""Settles calls: from a report to usage records, ledger transfers and resolved holds."""
