"""Waits for what Envoys say to a change, and undoes one that they refuse.

Envoys answer to the process that serves them, which writes their answers to the database: see `admin_service.discovery.answers`.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from admin_service.resources.catalog_changes.store import lock_catalog
from gateway_core.model.catalog.providers.clusters import provider_cluster
from gateway_core.stores.postgres.connections import Connection

logger = logging.getLogger(__name__)

TIMEOUT_S: Final = 3.0
_LOOK_S: Final = 0.03
_ANSWERS: Final = """
SELECT number, refusal FROM configuration_answers WHERE seen_time > clock_timestamp() - interval '15 seconds'
"""
_NOTE_REFUSAL: Final = "UPDATE configuration_versions SET refusal = $2 WHERE number = $1"


async def _nothing(_connection: Connection) -> None:
    """No refusal is about a change that names no place."""


@dataclass(frozen=True, slots=True)
class Made:
    """A change that is in the database and not yet confirmed."""

    number: int
    """Of the version that it made."""
    targets: Sequence[str] = ()
    """The places that receive calls and that it changed. A refusal that names none of them is about something else."""
    undo: Callable[[Connection], Awaitable[None]] = _nothing
    """Restores what was before. It makes another version."""


async def confirm(pool: asyncpg.Pool, made: Made) -> None:
    """Returns as soon as all Envoys that listen have accepted a change; after `TIMEOUT_S` it waits no longer.

    Raises:
        AdminError: CONFIGURATION_REFUSED, an Envoy refused it. It is undone.
    """
    refusal = await _refusal(pool, made)
    if not refusal:
        return
    async with pool.acquire() as connection, connection.transaction():
        await lock_catalog(connection)
        await made.undo(connection)
        await connection.execute(_NOTE_REFUSAL, made.number, refusal)
    message = f"Envoy refused the changed configuration, and nothing was changed: {refusal}"
    raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CONFIGURATION_REFUSED, message)


async def _refusal(pool: asyncpg.Pool, made: Made) -> str:
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + TIMEOUT_S
    while clock() < deadline_s:
        answers = [tuple(row) for row in await pool.fetch(_ANSWERS)]
        refusals = [
            refusal for number, refusal in answers if number >= made.number and _is_about(refusal, made.targets)
        ]
        if refusals:
            return str(refusals[0])
        if all(number >= made.number for number, _ in answers):
            return ""
        await asyncio.sleep(_LOOK_S)
    logger.warning("an Envoy has not answered to a changed configuration", extra={"number": made.number})
    return ""


def _is_about(refusal: str, targets: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![\w.-]){re.escape(provider_cluster(target))}(?![\w.-])", refusal) for target in targets)
