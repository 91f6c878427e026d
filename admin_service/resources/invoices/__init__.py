"""Requests for invoices."""
