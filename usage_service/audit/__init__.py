"""The audit: proves the invariants of the accounting on a live database, from one snapshot and without locking anything."""
