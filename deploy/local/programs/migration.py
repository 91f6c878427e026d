"""Migrates the database of a stack once, while its services start and wait for it."""

import asyncio
import sys
from collections.abc import Mapping

from deploy.local.process.children import ChildCommand, StartError, last_lines, start_child
from deploy.local.stack.layout import REPOSITORY, Home
from gateway_core.schema.files import EXIT_BEFORE_BASELINE, EXIT_NEWER_RELEASE

_POLL_INTERVAL_S = 0.02


async def migrate_database(home: Home, environment: Mapping[str, str]) -> None:
    """Runs `python -m gateway_core.schema migrate`, which waits for PostgreSQL. Call this on the main thread.

    Args:
        home: receives the log.
        environment: holds the URLs of the owner and of the services.

    Raises:
        StartError: the database cannot be migrated.
    """
    log_file = home.log_file("schema")
    process = start_child(
        ChildCommand(
            command=[sys.executable, "-m", "gateway_core.schema", "migrate"],
            environment=environment,
            directory=REPOSITORY,
            log_file=log_file,
        )
    )
    try:
        while process.poll() is None:  # noqa: ASYNC110 - a process cannot set an event
            await asyncio.sleep(_POLL_INTERVAL_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode == EXIT_BEFORE_BASELINE:
        raise StartError(
            f"an earlier release made the database in {home.directory}, and it cannot be migrated: run `./dev down`, then"
            " remove that directory, or choose another --home"
        )
    if process.returncode == EXIT_NEWER_RELEASE:
        raise StartError(
            f"a newer release migrated the database in {home.directory}, and a schema is not downgraded: start that release, or"
            " choose another --home. Nothing was changed"
        )
    if process.returncode != 0:
        raise StartError(f"the database could not be migrated:\n{last_lines(log_file)}")
