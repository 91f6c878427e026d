"""Sets the roles of the services, their rights and their passwords."""

from collections.abc import Mapping

import asyncpg

from gateway_core.schema.files import SchemaError, load_roles
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.schema.scram import PasswordError, scram_verifier


async def apply_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Sets the attributes and rights in `roles.sql` and the passwords, all in one transaction.

    The passwords leave this process only as SCRAM verifiers.

    Args:
        connection: of the owner.
        passwords: by role. Other roles keep their passwords.

    Raises:
        SchemaError: a password cannot be used.
    """
    iterations = int(await connection.fetchval("SHOW scram_iterations"))
    async with connection.transaction():
        await connection.execute(load_roles())
        for role, password in passwords.items():
            try:
                verifier = scram_verifier(password, iterations)
            except PasswordError as error:
                raise SchemaError(f"{SERVICE_URLS[role]}: {error}") from None
            # ALTER ROLE takes no parameters. Neither value contains a quote.
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")
