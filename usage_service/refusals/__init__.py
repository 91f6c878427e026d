"""Adds up refused calls by minute, in bounded memory and a bounded table."""
