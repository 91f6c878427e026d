"""Delivers the e-mail that changes left in the outbox."""
