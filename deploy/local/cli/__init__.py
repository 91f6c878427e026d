"""The commands of `./dev`, and what they print."""
