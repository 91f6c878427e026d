"""Signs usage reports."""
