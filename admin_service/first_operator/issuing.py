"""Makes the user and an access token that operates."""

import datetime as dt
import getpass
import os
from dataclasses import dataclass
from typing import Final

from admin_service.access.authorization import Origin
from admin_service.api.names import ACCESS_TOKENS, UserResourceName
from admin_service.resources.access_tokens.store import NewAccessToken, add_access_token, now_of
from admin_service.serving.audit_entries import Author, json_text
from admin_service.sign_in.identity_store import add_user
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from gateway_core.stores.postgres.connections import Connection

METHOD: Final = "megarouter.admin.v1.Deployment/IssueOperatorToken"
DISPLAY_NAME: Final = "issued on the server"
_IS_KNOWN: Final = "SELECT true FROM users WHERE user_id = $1"


class AddressTakenError(Exception):
    """Another user has the e-mail address."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the token is for. Name and address count only if the user is new."""

    user: str
    email: str | None = None
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """What was made."""

    secret: str
    expire_time: dt.datetime
    is_new_user: bool


async def issue_operator_token(
    connection: Connection, person: Person, *, token: str, randomness: bytes, pepper: bytes, life: dt.timedelta
) -> Issued:
    """Makes the token, and the user if there is none, in one transaction. The operators' log says so.

    Args:
        connection: that of admin_service, outside a transaction.
        person: for whom. The settings must name them as an operator, or the token does not operate.
        token: id of the token.
        randomness: 32 bytes.
        pepper: the present one.
        life: until the token expires.

    Raises:
        AddressTakenError: the user is new, and another one has the address.
    """
    secret = ACCESS_TOKEN.make(randomness)
    async with connection.transaction():
        is_new = not await connection.fetchval(_IS_KNOWN, person.user)
        if is_new and await add_user(connection, person.user, person.email, person.display_name) is None:
            raise AddressTakenError
        expire_time = await now_of(connection) + life
        await add_access_token(
            connection,
            NewAccessToken(
                user=person.user,
                access_token=token,
                secret_hash=hash_secret(secret, pepper),
                display_name=DISPLAY_NAME,
                obfuscated_token=ACCESS_TOKEN.obfuscated(secret),
                organization=None,
                permissions=None,
                expire_time=expire_time,
                may_operate=True,
                issuer="",
                super_admin_end_time=expire_time,
            ),
        )
        # No caller of the API did it, but whoever may run programs on the server.
        made = {"expireTime": expire_time.isoformat(), "account": account()}
        resource = str(UserResourceName(person.user, ACCESS_TOKENS, token))
        await Author(person.user, METHOD, Origin()).write_for_operators(
            connection, None, resource, None, json_text(made)
        )
    return Issued(secret, expire_time, is_new)


def account() -> str:
    """Returns the name of the account that this process runs as, or its number where it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
