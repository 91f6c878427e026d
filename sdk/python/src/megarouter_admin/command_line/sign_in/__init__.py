"""Stored sign-ins: getting a token from an identity provider by browser or device, keeping it, renewing it, and removing it.

`records` says what is kept, `files` and `keyrings` where, and `store` puts them together. `provider` speaks to the identity
provider, `browser` and `device` let a person sign in, `grants` and `claims` read what the provider answers, and `renewal` gives
commands a valid token.
"""
