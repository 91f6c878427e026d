"""Races: kinds of calls whose cost is not known before they run, what each reserves, and the dearest answer to it."""
