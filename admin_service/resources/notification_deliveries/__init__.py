"""What was sent to channels."""
