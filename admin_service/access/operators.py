"""The operators of the deployment: users whom its settings name, or whose sign-in carries a claim that the settings name.

The setting is a list of entries, separated by spaces:

    user:olivia                                            the user with this id
    https://login.example#subject=248289761001             a subject at an issuer
    https://login.example#email=olivia@acme.example        a verified e-mail address at an issuer
    https://login.example#claim:groups=megarouter-operators  whoever has the value in this claim
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_USER: Final = re.compile(r"user:([a-z][a-z0-9-]{0,62})")
_AT_ISSUER: Final = re.compile(r"(https?://[^\s#]+)#(subject|email|claim:[^\s=]+)=(\S+)")


@dataclass(frozen=True, slots=True)
class Identity:
    """A subject at an issuer."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Operators:
    """Who is an operator. By default no one is."""

    users: frozenset[str] = frozenset()
    """Ids."""
    identities: frozenset[Identity] = frozenset()
    emails: frozenset[tuple[str, str]] = frozenset()
    """Issuer, and address in lower case."""
    claims: frozenset[tuple[str, str, str]] = frozenset()
    """Issuer, name of the claim, and value."""

    def include_user(self, user: str, identities: Iterable[tuple[Identity, str | None]]) -> bool:
        """Whether the settings name the user, apart from any sign-in. A claim is known only at a sign-in, so it does not count.

        Args:
            user: id.
            identities: those of the user, each with the address that its own issuer said last.
        """
        return user in self.users or any(
            one in self.identities or (one.issuer, email) in self.emails for one, email in identities
        )

    def include_sign_in(self, user: str, identity: Identity, email: str | None, claims: Mapping[str, Any]) -> bool:
        """Whether a user who signed in is an operator. Only what the issuer of this sign-in says counts."""
        return self.include_user(user, [(identity, email)]) or any(
            issuer == identity.issuer and _has(claims.get(name), value) for issuer, name, value in self.claims
        )


def parse_operators(text: str) -> Operators:
    """Reads the setting.

    Raises:
        ValueError: an entry is malformed.
    """
    users, at_issuers = set(), []
    for entry in text.split():
        if user := _USER.fullmatch(entry):
            users.add(user[1])
        elif named := _AT_ISSUER.fullmatch(entry):
            at_issuers.append(named.groups())
        else:
            raise ValueError(f"{entry} names no operator: write user:ID, or ISSUER#subject=, #email= or #claim:NAME=")
    return Operators(
        frozenset(users),
        frozenset(Identity(issuer, value) for issuer, kind, value in at_issuers if kind == "subject"),
        frozenset((issuer, value.lower()) for issuer, kind, value in at_issuers if kind == "email"),
        frozenset(
            (issuer, kind.removeprefix("claim:"), value)
            for issuer, kind, value in at_issuers
            if kind.startswith("claim:")
        ),
    )


def _has(claim: object, value: str) -> bool:
    return claim == value or (isinstance(claim, list) and value in claim)
