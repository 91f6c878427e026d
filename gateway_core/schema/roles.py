"""Gives the database the roles of the services with their rights and passwords."""

from collections.abc import Mapping

import asyncpg

from gateway_core.schema.files import SchemaError, load_roles
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.schema.scram import PasswordError, scram_verifier


async def apply_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Gives all roles the attributes and rights of `roles.sql`, and the passwords, in one transaction.

    The passwords leave this process only as verifiers. Roles that `passwords` leaves out keep theirs.

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
            # Neither can be a parameter of the statement; neither holds a quote.
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")
