"""The kinds of channels: how each product wants a message, and what its answers mean. Pure."""
