"""One-time sign-in links, for people without an identity provider."""
