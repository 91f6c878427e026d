"""Reads the claims of an ID token that came from the provider itself, and checks them as OpenID Connect Core 3.1.3.7 asks. Pure.

The signature is left to Envoy, which checks it on every call: the token came over TLS from the provider that was asked for it.
"""

import base64
import binascii
import datetime as dt
import json
from dataclasses import dataclass
from typing import Any, Final

from megarouter_admin.command_line.command_errors import CommandError

_SKEW: Final = dt.timedelta(minutes=1)
"""How far clocks may differ, as for Envoy."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say."""

    issuer: str
    client_id: str
    nonce: str | None = None
    """None: any, because the request carried none."""
    subject: str = ""
    """Empty: any person."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, until when."""

    subject: str
    expire_time: dt.datetime


def claims_of(token: str) -> dict[str, Any]:
    """Returns the claims of a JSON Web Token, unchecked.

    Raises:
        ValueError: the text is not such a token.
    """
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error) as malformed:
        raise ValueError("it is not a JSON Web Token") from malformed
    if not isinstance(claims, dict):
        raise ValueError("its claims are not an object")  # noqa: TRY004 - of a text
    return claims


def end_of(token: str) -> dt.datetime | None:
    """Returns when a token ends, or None if it does not say."""
    try:
        return _moment(claims_of(token), "exp")
    except ValueError:
        return None


def checked(token: str, expected: Expected, now: dt.datetime) -> Person:
    """Returns who the ID token is about.

    Raises:
        CommandError: the token is not the expected one, or the clocks differ too much.
    """
    try:
        claims = claims_of(token)
    except ValueError as malformed:
        raise CommandError(
            f"the identity provider's ID token is unusable: {malformed}. Ask its operator"
        ) from malformed
    audience = claims.get("aud")
    ends, made = _moment(claims, "exp"), _moment(claims, "iat")
    if claims.get("iss") != expected.issuer:
        raise CommandError(
            "the ID token names another issuer: check --issuer, which must be exactly that of the provider"
        )
    if expected.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise CommandError("the ID token is for another application: check --client-id")
    if expected.nonce is not None and claims.get("nonce") != expected.nonce:
        raise CommandError("the ID token answers another sign-in: run `megarouter login` again")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or ends is None:
        raise CommandError("the ID token names no person or no end: ask the operator of the identity provider")
    if expected.subject and subject != expected.subject:
        raise CommandError("the identity provider answered for another person: run `megarouter login` again")
    if ends <= now - _SKEW or (made is not None and made > now + _SKEW):
        raise CommandError(
            f"the clocks differ: the ID token is valid until {ends:%Y-%m-%d %H:%M:%S} UTC"
            f"{f' and was made at {made:%H:%M:%S}' if made else ''}, and this machine has {now:%Y-%m-%d %H:%M:%S}. Set its clock"
        )
    return Person(subject, ends)


def _moment(claims: dict[str, Any], name: str) -> dt.datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (OverflowError, OSError, ValueError):
        return None
