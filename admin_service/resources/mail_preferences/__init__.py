"""What members do not want by e-mail."""
