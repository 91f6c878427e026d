"""The accounts of a user: personal and organization."""
