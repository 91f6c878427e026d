"""Access logs and traces."""
