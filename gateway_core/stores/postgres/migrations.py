"""Lets a starting service wait for the schema, which `python -m gateway_core.schema migrate` creates."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.settings import DatabaseSettings, StartRefusedError
from gateway_core.schema.files import Migration, SchemaError, load_migrations
from gateway_core.schema.history import COMMAND, missing, read_applied
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import until_available

logger = logging.getLogger(__name__)

_FIRST_DELAY_S: Final = 0.05
_LONGEST_DELAY_S: Final = 0.5

# The migration creates the role, its password, its rights and possibly the database.
_NO_LOGIN: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidCatalogNameError,
)


async def until_migrated(settings: DatabaseSettings) -> None:
    """Returns once the database has the schema of this release, or of a newer one.

    Waits indefinitely for a server that does not answer, and `schema_wait_ms` for one that is not migrated yet.

    Raises:
        StartRefusedError: the database was not migrated in time, or by files that differ from these.
    """
    try:
        await _until_migrated(settings, load_migrations())
    except SchemaError as error:
        raise StartRefusedError(str(error)) from error


async def _until_migrated(settings: DatabaseSettings, migrations: Sequence[Migration]) -> None:
    lack = await until_available(lambda: _lack(settings, migrations))
    deadline = time.monotonic() + settings.schema_wait_ms / 1_000
    backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
    if lack is not None:
        logger.warning("waiting for the database to be migrated", extra={"reason": lack})
    while lack is not None:
        if time.monotonic() > deadline:
            raise StartRefusedError(f"{lack}: run `{COMMAND}` of this release")
        await asyncio.sleep(backoff.failed())
        lack = await until_available(lambda: _lack(settings, migrations))


async def _lack(settings: DatabaseSettings, migrations: Sequence[Migration]) -> str | None:
    """Returns what the database lacks, or None. Errors of a server that does not answer pass through.

    Raises:
        SchemaError: other files migrated it; waiting does not help.
    """
    timeout_s = settings.database_timeout_ms / 1_000
    try:
        connection = await connect(
            settings.database_url.get_secret_value(), timeout=timeout_s, command_timeout=timeout_s
        )
        try:
            applied = await read_applied(connection)
        finally:
            await connection.close(timeout=timeout_s)
    except _NO_LOGIN as error:
        return f"the service cannot log in to the database yet ({error})"
    if applied is None:
        return "the database has no schema yet"
    lacking = missing(applied, migrations)
    return f"the database lacks the migration {lacking[0].name}" if lacking else None
