"""Asserts that the provider, the usage records and the ledger agree about what an attacker got."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog_file import load_catalog
from tests.e2e.conftest import Witness, wait_settled
from tests.support.books import assert_books_agree
from tests.support.data.tenants import Tenant

CATALOG = load_catalog(DEFAULT_CATALOG)
MAX_BODIES = 8
"""The provider keeps only the last bodies."""


@dataclass
class Accounts:
    """What the provider saw of one tenant since the attack began."""

    tenant: Tenant
    witness: Witness
    _begin: int = 0
    paid_in: int = 0
    bodies: list[bytes] = field(default_factory=list)

    async def open(self) -> None:
        """Begins to watch."""
        self._begin = await self.witness.last_sequence()
        self.paid_in = await self.tenant.balance()

    async def calls(self) -> list[dict[str, Any]]:
        """Returns the calls that reached the provider, and keeps their bodies if they are few."""
        calls = await self.witness.calls_after(self._begin)
        if len(calls) > MAX_BODIES:
            return calls
        self.bodies = [await self.witness.body_of(call["sequence"]) for call in calls]
        return calls

    async def close(self, answered: int) -> None:
        """Asserts that the provider served as many calls as were answered with 200, and that each is charged exactly."""
        calls = await self.calls()
        assert len(calls) == answered, self.bodies
        records = await wait_settled(self.tenant, len(calls))
        await assert_books_agree(self.tenant, CATALOG, calls, records, self.paid_in)


def members(document: bytes) -> list[tuple[str, Any]]:
    """Returns the members of a JSON object in their order, with repeated names."""
    pairs: list[tuple[str, Any]] = json.loads(document, object_pairs_hook=_Pairs).pairs
    return pairs


class _Pairs(dict[str, Any]):
    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = list(pairs)
