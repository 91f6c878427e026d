"""What waits to be settled: in turns by organization, and in batches."""
