"""The audit log of all changes in an organization."""
