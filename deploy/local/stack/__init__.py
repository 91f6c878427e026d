"""One stack: its files and ports, secrets, environment, and its life from start to end."""
