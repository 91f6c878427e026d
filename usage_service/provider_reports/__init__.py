"""What the provider's report of a call says: counts in every dialect, uses of hosted tools, and how it was served."""
