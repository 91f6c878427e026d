"""OpenAI's sound and pictures."""
