"""Providers that refuse the gateway's account, remembered from settled calls until the alerts' follower stores them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.contract.refused_answers import ACCOUNT_REFUSALS
from gateway_core.stores.postgres.organization_wall import acting_for
from usage_service.provider_refusals import refusals_of
from usage_service.settlement.rows import RecordedSettlement

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Organizations and providers. Beyond that, a refusal is forgotten: the next one of that provider tells of it."""
_PUT: Final = """
INSERT INTO account_refusals (organization_id, provider_id, reason, ledger_sequence, hold_id)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, provider_id) DO UPDATE
   SET reason = excluded.reason, ledger_sequence = excluded.ledger_sequence, hold_id = excluded.hold_id, update_time = now()
 WHERE account_refusals.ledger_sequence < excluded.ledger_sequence
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The latest call of an organization whose answer said that the gateway's account is refused."""

    reason: str
    sequence: int
    hold_id: str


Waiting = Mapping[tuple[str, str], Refusal]
"""By organization and provider."""


class AccountRefusals:
    """What settled calls said since it was taken last, the latest of each organization and provider."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Refusal] = {}

    def note(self, recorded: Iterable[RecordedSettlement]) -> None:
        """Remembers the refusals of a committed batch."""
        for record in recorded:
            hold = record.settlement.hold
            for provider, reason in refusals_of(record.settlement):
                key = (hold.claims.organization, provider)
                if reason in ACCOUNT_REFUSALS and (key in self._waiting or len(self._waiting) < MAX_WAITING):
                    self._waiting[key] = Refusal(str(reason), record.sequence, hold.hold_id)

    async def store(self, pool: asyncpg.Pool) -> None:
        """Stores what waits. What cannot be stored, because its organization is gone, is forgotten."""
        for (organization, provider), refusal in list(self._waiting.items()):
            try:
                async with acting_for(pool, organization) as connection:
                    await connection.execute(
                        _PUT, organization, provider, refusal.reason, refusal.sequence, refusal.hold_id
                    )
            except asyncpg.IntegrityConstraintViolationError:
                logger.warning("a refusal of the account is of no organization", extra={"organization": organization})
            if self._waiting.get((organization, provider)) == refusal:
                del self._waiting[organization, provider]
