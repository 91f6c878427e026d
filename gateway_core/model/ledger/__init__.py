"""Double-entry accounting."""
