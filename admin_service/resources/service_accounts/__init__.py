"""Service accounts: owners of API keys that are no person."""
