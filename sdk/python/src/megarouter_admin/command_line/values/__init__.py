"""Reads and writes values as people write them: amounts, times, names, filters and limits."""
