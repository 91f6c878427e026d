"""What attackers send, and what their attacks must not change."""
