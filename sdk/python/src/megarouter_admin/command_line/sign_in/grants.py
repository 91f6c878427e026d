"""Tokens as an identity provider grants them, checked."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.claims import Expected, Person, checked
from megarouter_admin.command_line.sign_in.provider import Provider, post
from megarouter_admin.command_line.sign_in.records import Application, Secrets


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """The tokens of one person."""

    secrets: Secrets
    person: Person


def granted(answer: Mapping[str, Any], expected: Expected, now: dt.datetime, refresh_token: str = "") -> Grant:
    """Returns the tokens in an answer of the token endpoint. The ID token becomes the bearer token of the admin API.

    Args:
        answer: the answer.
        expected: what its ID token must say.
        now: the current time.
        refresh_token: the refresh token until now, which stays if the answer has no new one.

    Raises:
        CommandError: the answer has no ID token, or it is not the expected one.
    """
    token = answer.get("id_token")
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
        raise CommandError(
            "the identity provider sent no ID token: sign in again, or ask its operator for the scope openid"
        )
    newer = answer.get("refresh_token")
    kept = newer if isinstance(newer, str) and newer else refresh_token
    return Grant(Secrets(token, kept), checked(token, expected, now))


def refreshed(provider: Provider, application: Application, secrets: Secrets, subject: str, now: dt.datetime) -> Grant:
    """Exchanges a refresh token for new tokens. The provider may end the old refresh token with it.

    Raises:
        CommandError: the provider refused, did not answer, or answered for somebody else.
    """
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": secrets.refresh_token,
        "client_id": application.client_id,
    }
    expected = Expected(application.issuer, application.client_id, subject=subject)
    return granted(post(provider.token_endpoint, fields), expected, now, secrets.refresh_token)


def revoke(provider: Provider, application: Application, secrets: Secrets) -> bool:
    """Asks the provider to end the refresh token (RFC 7009), and returns whether it can."""
    if not provider.revocation_endpoint or not secrets.refresh_token:
        return False
    post(
        provider.revocation_endpoint,
        {"token": secrets.refresh_token, "token_type_hint": "refresh_token", "client_id": application.client_id},
    )
    return True
