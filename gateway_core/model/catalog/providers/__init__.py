"""The companies and servers that answer model calls, and how the gateway proves to them who it is."""
