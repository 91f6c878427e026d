"""The programs of a local stack: how to start, probe and stop each of them."""
