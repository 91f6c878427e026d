"""The programs of a local stack, and how each is started and probed."""
