"""Random histories of usage, settled through settlement's own transaction: calls of many members, expiries and corrections."""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import asyncpg

from gateway_core.model.call_tags import Tags
from gateway_core.model.endpoints import Endpoint
from tests.contract.usage_service.settlement_cases import SCHEDULE, make_hold, make_report, make_settlement
from usage_service.settlement.charge_decision import ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

TAGS: Sequence[Tags] = (
    (),
    (),
    (),
    (("project", "search"),),
    (("env", "test"), ("project", "search")),
    (("env", "test"), ("project", "知识, 库")),
)
ENDPOINTS = (Endpoint.CHAT_COMPLETIONS, Endpoint.MESSAGES)


@dataclass
class Place:
    """Where the calls of a key are charged now."""

    member: str
    api_key: str
    group_path: tuple[str, ...]


@dataclass
class UsageHistory:
    """Makes calls at random moments of a range and settles them in random batches."""

    randomness: random.Random
    places: list[Place]
    start: dt.datetime
    end: dt.datetime
    organization: str = "acme"
    models: Sequence[str] = ("acme-1", "acme-2", "zeta")
    providers: Sequence[str] = ("acme", "zeta")
    tags: Sequence[Tags] = TAGS
    """What calls are tagged with. Half of them have none."""
    expired: list[Settlement] = field(default_factory=list)
    """Calls whose holds have expired, and whose reports may still come."""

    def call(self) -> Settlement:
        """Returns a call that is not settled yet. A fifth of them failed and cost nothing."""
        place, span_s = self.randomness.choice(self.places), (self.end - self.start).total_seconds()
        moment = self.start + dt.timedelta(seconds=self.randomness.random() * span_s)
        hold = make_hold(
            self.organization,
            group_path=place.group_path,
            member=place.member,
            api_key=place.api_key,
            requested_model=self.randomness.choice(self.models),
            provider=self.randomness.choice(self.providers),
            endpoint=self.randomness.choice(ENDPOINTS),
            placed_epoch_us=int(moment.timestamp() * 1_000_000),
            tags=self.randomness.choice(self.tags),
        )
        if self.randomness.random() < 0.2:
            return make_settlement(hold, facts={}, http_status=429, upstream_host=None, flags=frozenset({"RL"}))
        return make_settlement(
            hold,
            input_tokens=self.randomness.randrange(1, 100),
            output_tokens=self.randomness.randrange(0, 50),
            duration_ms=int(10 ** self.randomness.uniform(0, 6.3)),
            time_to_first_byte_ms=self.randomness.choice((None, 0, 31, 32, 63, 64, 524_287, 524_288, 10**7)),
        )

    async def settle(self, connection: asyncpg.Connection, count: int) -> None:
        """Settles calls. A tenth expires first; the reports of half of the expired come later."""
        batch: list[Settlement] = []
        for _ in range(count):
            call = self.call()
            if self.randomness.random() < 0.1:
                batch.append(expiry(call))
                if self.randomness.random() < 0.5:
                    self.expired.append(call)
            else:
                batch.append(call)
            if self.expired and self.randomness.random() < 0.1:
                late = self.expired.pop(self.randomness.randrange(len(self.expired)))
                # In a batch of its own if its expiry is in this one.
                if all(late.hold.hold_id != one.hold.hold_id for one in batch):
                    batch.append(late)
                else:
                    self.expired.append(late)
            if self.randomness.random() < 0.05:
                await settle_batch(connection, batch)
                batch = []
        if batch:
            await settle_batch(connection, batch)

    async def correct_the_rest(self, connection: asyncpg.Connection) -> None:
        """Settles every late report."""
        if self.expired:
            await settle_batch(connection, self.expired)
            self.expired = []


def expiry(settlement: Settlement) -> Settlement:
    """Returns the expiry of a hold without a report."""
    report = replace(make_report(settlement.hold), facts={}, http_status=0, request_id="", duration_ms=None,
                     time_to_first_byte_ms=None)  # fmt: skip
    return Settlement(settlement.hold, report, expire(settlement.hold, ExpiredHoldPolicy.CHARGE_HOLD, SCHEDULE))


def some_places() -> list[Place]:
    """Returns keys of members at every level, one outside groups, and one of a service account."""
    return [
        Place("ada", "key-ada", ("research", "vision")),
        Place("ada", "key-ada-2", ("research", "vision")),
        Place("bob", "key-bob", ("research",)),
        Place("cyd", "key-cyd", ("sales", "europe", "dach", "bern")),
        Place("dan", "key-dan", ()),
        Place("sa-build", "key-build", ("sales", "europe")),
    ]
