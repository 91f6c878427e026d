"""Reads from the database what Envoy should have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from gateway_core.model.deployments.fallbacks import orders_of
from gateway_core.model.deployments.live_configuration import wanted_document
from gateway_core.stores.postgres.catalog_store import load_snapshot


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the database says, for `megarouter_envoy.live`."""

    number: int
    """Of the newest change."""
    document: dict[str, Any]
    """What is rendered, with credentials in the clear."""
    public: dict[str, Any]
    """The same with the times at which credentials were set instead of them."""


class WantedReader:
    """Reads everything at one moment."""

    def __init__(self, pool: asyncpg.Pool, options_file: Path) -> None:
        """Prepares the work.

        Args:
            pool: logged in as admin_service's role.
            options_file: what Envoy's own surroundings say, such as the targets of the catalog file that have a credential there.
        """
        self._pool = pool
        self._options_file = options_file

    async def read(self) -> Wanted:
        """Returns what Envoy should have.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        async with self._pool.acquire() as connection:
            snapshot = await load_snapshot(connection)
        known = self._local_targets()
        orders = orders_of(snapshot.providers, snapshot.models.values())
        fallbacks = [order for order in orders if known.issuperset(order)]
        return Wanted(0, wanted_document((), fallbacks), wanted_document((), fallbacks))

    def _local_targets(self) -> set[str]:
        return {target["name"] for target in json.loads(self._options_file.read_bytes())["providers"]}
