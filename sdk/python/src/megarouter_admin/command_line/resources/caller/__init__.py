"""Commands about the caller: who they are, their accounts and their access tokens."""
