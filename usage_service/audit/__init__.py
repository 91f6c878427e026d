"""The audit: proves the invariants of the books on a live database, from one snapshot, without locking anything."""
