"""Commands about the whole deployment."""
