"""Calls to virtual models: what both models cost, and the rows that say so."""
