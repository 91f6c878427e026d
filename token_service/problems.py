"""Why a token could not be fetched. No message contains a secret, a token, or what a server wrote in its own words."""

import enum


class Problem(enum.StrEnum):
    """The kind, as metrics count it."""

    CREDENTIAL = "credential"
    """The credential of the source cannot be read or used."""
    REFUSED = "refused"
    """The server answered, but gave no token."""
    UNREACHABLE = "unreachable"
    """The server did not answer in time."""
    UNWRITABLE = "unwritable"
    """The token cannot be written to its file."""


class TokenError(Exception):
    """No token could be fetched."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
