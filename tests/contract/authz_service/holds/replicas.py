"""One organization, and all events that its replicas may see in any order."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.holds.confirmation import Confirmations
from authz_service.holds.hold_writer import PlacedHold
from gateway_core.model.calls.holds import Hold, sign_hold
from gateway_core.model.calls.placements import Missing, Placed
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.hold_store import CounterSnapshot, PoolSnapshot, SpendStore, insert_holds
from gateway_core.stores.redis.hold_counters import FinishedCall, HoldCounters
from gateway_core.stores.redis.keys import held_amount, holds_key, pool_key
from tests.contract.authz_service.conftest import SIGNING_KEY
from tests.contract.authz_service.holds.test_rebuilding import (
    dump,
    restore,
    settle,
)
from tests.support.data.example_hold import HOLD as EXAMPLE
from tests.support.data.example_hold import with_changes
from usage_service.counters.ledger_events import LedgerEvents

SHARED = (Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0), Counter(ScopeKind.ORGANIZATION, "acme", Cycle.NEVER, 0))
KEYS = tuple(Counter(ScopeKind.API_KEY, f"key-{number}", Cycle.NEVER, 0) for number in range(3))


@dataclass
class World:
    """One organization, and all events that its replicas may see in any order."""

    owner: asyncpg.Connection
    redis: Redis
    store: SpendStore
    events: LedgerEvents
    dice: random.Random
    confirmations: Confirmations = field(init=False)
    placed: list[PlacedHold] = field(default_factory=list)
    finishing: list[FinishedCall] = field(default_factory=list)
    """What the report of each placed call will say."""
    pool_seeds: list[PoolSnapshot] = field(default_factory=list)
    counter_seeds: list[tuple[str, CounterSnapshot, str]] = field(default_factory=list)
    saved: dict[str, bytes] | None = None
    placements: int = 0
    numbers: int = 0

    def __post_init__(self) -> None:
        self.counters = HoldCounters(self.redis)
        self.confirmations = Confirmations(self.counters, self, time.monotonic)

    async def open_among(self, organization: str, hold_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """Reads the holds table. Another event happens before the answer is used."""
        answer = await self.store.open_among(organization, hold_ids)
        if self.dice.random() < 0.5:
            await self.dice.choice(self.between)()
        return answer

    @property
    def between(self) -> list[Callable[[], Awaitable[None]]]:
        """The possible events. An event that is listed several times is more likely."""
        often = [self.place, self.place, self.land_counter, self.land_counter]
        return [
            *often,
            *often,
            self.begin_seeding,
            self.land_pool,
            self.land_pool,
            self.register,
            self.finish,
            self.finish,
            self.settle,
            self.follow,
        ]

    @property
    def steps(self) -> list[Callable[[], Awaitable[None]]]:
        return [*self.between, self.confirmations.look, self.confirmations.look, self.lose, self.save, self.go_back]

    async def try_place(self) -> Placed | Missing:
        self.numbers += 1
        hold = with_changes(
            EXAMPLE,
            throttles=(),
            shadow_refusals=(),
            hold_id=f"hold-{self.numbers:04d}",
            organization="acme",
            member="mia",
            amount_nano_credits=self.dice.randrange(1, 5),
            counters=(self.dice.choice(KEYS), *SHARED),
        )
        placement = await self.counters.place(hold, [None] * 3, self.placements)
        if isinstance(placement, Placed):
            names = tuple(counter.encode() for counter in hold.claims.counters)
            self.finishing.append(FinishedCall(hold.hold_id, self.dice.randrange(7), 0, names))
            self.placements = max(self.placements, placement.number)
            hold = replace(hold, placement=placement.number)
            self.placed.append(PlacedHold(hold, sign_hold(hold, bytes.fromhex(SIGNING_KEY)), placement.generation))
        else:
            assert isinstance(placement, Missing)
            await self.read_for(hold, placement)
        return placement

    async def read_for(self, hold: Hold, missing: Missing) -> None:
        """Reads a snapshot for the counters that a call misses. A later event uses it."""
        if missing.pool:
            self.pool_seeds.append(await self.store.pool_snapshot("acme"))
        for index in missing.counters if not missing.pool else ():
            name = hold.claims.counters[index].encode()
            self.counter_seeds.append((name, await self.store.counter_snapshot("acme", name), missing.edition))

    async def place(self) -> None:
        await self.try_place()

    async def begin_seeding(self) -> None:
        if not await self.redis.exists(pool_key("acme")):
            self.pool_seeds.append(await self.store.pool_snapshot("acme"))

    async def land_pool(self) -> None:
        if not self.pool_seeds:
            return
        seed = self.pool_seeds.pop(self.dice.randrange(len(self.pool_seeds)))
        await self.counters.seed_pool(
            "acme",
            balance=seed.balance,
            sequence=seed.sequence,
            generation=f"generation-{self.dice.random()}",
            placements=max(seed.placement, self.placements),
            open_holds=seed.open_holds,
        )

    async def land_counter(self) -> None:
        if not self.counter_seeds:
            return
        name, seed, edition = self.counter_seeds.pop(self.dice.randrange(len(self.counter_seeds)))
        await self.counters.seed_counter(
            "acme",
            name,
            settled=seed.settled,
            open_holds=seed.open_holds,
            sequence=seed.sequence,
            expire_epoch_s=None,
            edition=edition,
        )

    async def register(self) -> None:
        """Some of the holds on their way to the holds table arrive."""
        self.dice.shuffle(self.placed)
        count = self.dice.randrange(len(self.placed) + 1)
        batch, self.placed = self.placed[:count], self.placed[count:]
        await insert_holds(self.owner, [(placed.hold, placed.token) for placed in batch])
        self.confirmations.registered(batch)

    async def register_all(self) -> None:
        while self.placed:
            await self.register()

    async def land_everything(self) -> None:
        while self.pool_seeds or self.counter_seeds:
            await self.land_pool()
            await self.land_counter()

    async def finish(self) -> None:
        """The report of any call arrives, possibly again, and possibly long after its settlement."""
        if self.finishing:
            await self.counters.finish("acme", [self.dice.choice(self.finishing)])

    async def reopen_all(self) -> None:
        """Gives back what finished calls that are not settled hold, as the reconciler does."""
        for call in self.finishing:
            await self.counters.reopen("acme", call.hold_id, call.counters)

    async def expect_amounts_add_up(self) -> None:
        """Asserts that the pool holds what its open holds hold, and that no counter holds less than nothing."""
        generation, held = await self.redis.hmget(pool_key("acme"), "generation", "held")
        if generation is None:
            return
        kept = await self.redis.hvals(holds_key("acme"))
        assert int(str(held)) == sum(held_amount(str(text)) for text in kept)
        async for key in self.redis.scan_iter(match="mr:{acme}:c:*"):
            values = await self.redis.hgetall(key)
            assert values["generation"] != generation or int(values["held"]) >= 0

    async def settle(self) -> None:
        await settle(self.owner, self.dice.randrange(3))

    async def follow(self) -> None:
        sequence = await self.redis.hget(pool_key("acme"), "sequence")
        if sequence is not None:
            await self.counters.apply("acme", int(sequence), await self.events.after("acme", int(sequence)))

    async def lose(self) -> None:
        await self.redis.flushall()

    async def save(self) -> None:
        self.saved = await dump(self.redis)

    async def go_back(self) -> None:
        if self.saved is not None:
            await restore(self.redis, self.saved)

    async def look_after_rebuildings(self) -> None:
        """Rules out a rebuild that outlives a whole pool of another replica; docs/adr/0002 says why."""
        if self.pool_seeds and await self.redis.exists(pool_key("acme")):
            self.pool_seeds.clear()

    async def come_to_rest(self) -> None:
        """Lets everything arrive and every rebuild finish."""
        for _ in range(20):
            placement = await self.try_place()
            await self.land_everything()
            await self.register_all()
            await self.confirmations.look()
            await self.follow()
            await self.reopen_all()
            if isinstance(placement, Placed) and not self.confirmations.waiting:
                return
        pytest.fail(f"Redis and the holds table still differ: {self.confirmations.waiting} holds wait")
