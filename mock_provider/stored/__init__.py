"""What the mock provider stores under ids of its own: responses and files."""
