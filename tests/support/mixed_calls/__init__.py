"""Random calls of every kind, a provider that answers them in odd forms, and its own tally of what they cost."""
