"""API keys, with which members call models."""
