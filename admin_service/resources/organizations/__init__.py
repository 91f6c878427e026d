"""Organizations and personal accounts."""
