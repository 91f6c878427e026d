"""Follows the ledger for alerts: writes what happened as events, and what is to be sent about them as deliveries."""
