"""The roles of the services: their names, the variables with their URLs, and how both reach the database."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg

from gateway_core.schema.files import SchemaError, load_roles
from gateway_core.schema.scram import PasswordError, scram_verifier

OWNER_URL: Final = "MEGAROUTER_DATABASE_URL"
"""The variable with the URL of the owner, who migrates and audits."""
SERVICE_URLS: Final = {
    "megarouter_authz": "MEGAROUTER_AUTHZ_DATABASE_URL",
    "megarouter_usage": "MEGAROUTER_USAGE_DATABASE_URL",
    "megarouter_admin": "MEGAROUTER_ADMIN_DATABASE_URL",
}
"""By role, the variable with the URL with which its service logs in."""
AUDIT_ROLE: Final = "megarouter_audit"
"""Cannot log in: the owner switches to it for an audit."""


def read_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the passwords in the services' URLs by role. Omits roles whose variable is unset or has no password.

    Raises:
        SchemaError: a URL logs in as another role than its service's. The message names the variable, never its value.
    """
    passwords = {}
    for role, variable in SERVICE_URLS.items():
        if not environment.get(variable):
            continue
        try:
            url = urlsplit(environment[variable])
            user, password = unquote(url.username or ""), unquote(url.password or "")
        except ValueError:
            raise SchemaError(f"{variable} is not the URL of a PostgreSQL database") from None
        if user != role:
            raise SchemaError(f"{variable} must log in as {role}")
        if password:
            passwords[role] = password
    return passwords


async def apply_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Applies the attributes and rights of `roles.sql`, and the passwords, in one transaction.

    Passwords leave this process only as verifiers. Roles missing from `passwords` keep theirs.

    Raises:
        SchemaError: a password is invalid.
    """
    iterations = int(await connection.fetchval("SHOW scram_iterations"))
    async with connection.transaction():
        await connection.execute(load_roles())
        for role, password in passwords.items():
            try:
                verifier = scram_verifier(password, iterations)
            except PasswordError as error:
                raise SchemaError(f"{SERVICE_URLS[role]}: {error}") from None
            # Neither can be a statement parameter, and neither contains a quote.
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")
