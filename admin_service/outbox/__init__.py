"""Delivers the mail that changes left in the outbox."""
