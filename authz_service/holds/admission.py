"""Places a hold: one round trip to Redis, and a seeding from PostgreSQL where Redis has lost or not yet seen a counter."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

from authz_service.holds.placement_floors import Floors
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import Missing, Placed, Refused, Withdrawn
from gateway_core.model.limits.throttles import Throttle
from gateway_core.model.organization.scopes import Scope
from gateway_core.runtime.single_flight import SingleFlight
from gateway_core.stores.postgres.hold_store import CounterSnapshot, PoolSnapshot
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.placing import PlacingTerms

logger = logging.getLogger(__name__)

_ATTEMPTS: Final = 12
_RELEASE_ATTEMPTS: Final = 10
_RELEASE_PAUSE_S: Final = 0.5
"""Longer before each attempt: together 22 s, and the timeouts of a stalled Redis."""
_EXPIRY_SLACK_S: Final = 86_400
_LATEST_S: Final = 1.8
"""Below the two seconds that Envoy waits: an answer that crosses its refusal leaves a hold that no call will ever settle."""


class SnapshotSource(Protocol):
    """Where lost counters are rebuilt from."""

    async def pool_snapshot(self, organization: str) -> PoolSnapshot:
        """The organization's credit."""

    async def counter_snapshot(self, organization: str, counter: str) -> CounterSnapshot:
        """An encoded counter."""

    async def open_calls(self, organization: str, scope: Scope) -> tuple[int, dict[str, int]]:
        """The open calls below a scope."""


class SeedingError(Exception):
    """The hold was not placed: the counters could not be rebuilt in a bounded number of attempts, because the ledger moves
    faster than it can be read; or the hold was taken back meanwhile.
    """


class Admissions:
    """Places holds on one Redis, rebuilding it from one PostgreSQL."""

    def __init__(
        self,
        counters: HoldCounters,
        snapshots: SnapshotSource,
        floors: Floors,
        register_delay_ms: int,
        make_generation: Callable[[], str],
    ) -> None:
        """Prepares admissions.

        Args:
            counters: of Redis.
            snapshots: of PostgreSQL.
            floors: what is known of the organizations' placements.
            register_delay_ms: how late a placed hold may reach the register.
            make_generation: a random name for a rebuilt pool.
        """
        self._counters = counters
        self._snapshots = snapshots
        self._floors = floors
        self._make_generation = make_generation
        self._register_delay_s = register_delay_ms / 1_000
        self._taking_back: set[asyncio.Task[None]] = set()
        self._rebuildings: SingleFlight[tuple[str, str], None] = SingleFlight()

    async def place(self, hold: Hold, terms: PlacingTerms) -> Placed | Refused:
        """Places the hold on every scope or on none.

        Args:
            hold: what is to be placed.
            terms: `placing_terms` of its claims and limits.

        Raises:
            SeedingError: see there.
            TimeoutError: it took so long that Envoy may have refused the call meanwhile; the hold is taken back.
            Errors of Redis and PostgreSQL pass through.
        """
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        try:
            placement = await self._place(hold, terms)
            _refuse_late(now_s() - begun_s)
        except (asyncio.CancelledError, TimeoutError, *UNAVAILABLE):
            # Nobody waits for the answer any more, or it is not known: the call is not made, so its hold must not stay. A placing
            # that is still on its way is carried out before the taking back, or finds the hold withdrawn.
            self._remember(asyncio.create_task(self._take_back(hold)))
            raise
        return placement

    def _remember(self, task: asyncio.Task[None]) -> None:
        self._taking_back.add(task)
        task.add_done_callback(self._taking_back.discard)

    async def _take_back(self, hold: Hold) -> None:
        for attempt in range(_RELEASE_ATTEMPTS):
            await asyncio.sleep(attempt * _RELEASE_PAUSE_S)
            try:
                await self._counters.release(hold)
            except UNAVAILABLE:
                continue
            return
        logger.error("a hold without a call was not taken back", extra={"hold_id": hold.hold_id})

    async def _place(self, hold: Hold, terms: PlacingTerms) -> Placed | Refused:
        organization = hold.claims.organization
        for _ in range(_ATTEMPTS):
            floor = self._floors.known(organization)
            if floor is None:  # nearly never: a call that does not wait for anything costs less
                floor = await self._floors.of(organization)
            placement = await self._counters.place_on(terms, hold, floor)
            if isinstance(placement, Placed):
                self._floors.reached(organization, placement.number)
            if isinstance(placement, Placed | Refused):
                return placement
            if isinstance(placement, Withdrawn):
                break
            await self._seed(hold, terms, placement, floor)
        raise SeedingError

    async def _seed(self, hold: Hold, terms: PlacingTerms, missing: Missing, floor: int) -> None:
        organization = hold.claims.organization
        if missing.pool:
            await self._once((organization, ""), lambda: self._seed_pool(organization, floor))
            return  # What is known of the counters must be newer than the pool they belong to.
        await asyncio.gather(
            *(
                self._once(
                    (missing.edition, hold.claims.counters[index].encode()),
                    partial(self._seed_counter, hold, terms.reset_epoch_s[index], index, missing.edition),
                )
                for index in missing.counters
            ),
            *(self._seed_calls(hold, hold.claims.throttles[index]) for index in missing.throttles),
        )

    async def _seed_calls(self, hold: Hold, throttle: Throttle) -> None:
        await self._once(
            (hold.claims.organization, throttle.encode()),
            partial(self._seed_calls_once, hold, throttle),
        )

    async def _seed_calls_once(self, hold: Hold, throttle: Throttle) -> None:
        sequence, open_holds = await self._snapshots.open_calls(hold.claims.organization, throttle.scope)
        await self._counters.seed_calls(
            hold.claims.organization,
            throttle,
            open_holds=open_holds,
            sequence=sequence,
            expire_epoch_s=max([-(-hold.expires_epoch_us // 10**6), *open_holds.values()]) + 1,
        )

    async def _once(self, what: tuple[str, str], rebuild: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Lets all calls that miss the same thing wait for one rebuilding of it: a thousand of them read PostgreSQL once."""
        await self._rebuildings.run(what, rebuild)

    async def _seed_pool(self, organization: str, floor: int) -> None:
        logger.info("rebuilding credit pool in Redis", extra={"organization": organization})
        # Redis was emptied, or restored from an old snapshot. A hold placed just before may still be on its way to the
        # register: let it arrive.
        await asyncio.sleep(self._register_delay_s)
        pool = await self._snapshots.pool_snapshot(organization)
        await self._counters.seed_pool(
            organization,
            balance=pool.balance,
            sequence=pool.sequence,
            generation=self._make_generation(),
            placements=max(pool.placement, floor),
            open_holds=pool.open_holds,
        )

    async def _seed_counter(self, hold: Hold, reset_epoch_s: int | None, index: int, edition: str) -> None:
        organization = hold.claims.organization
        counter = hold.claims.counters[index].encode()
        hold_life_s = (hold.expires_epoch_us - hold.placed_epoch_us) // 10**6
        snapshot = await self._snapshots.counter_snapshot(organization, counter)
        await self._counters.seed_counter(
            organization,
            counter,
            settled=snapshot.settled,
            open_holds=snapshot.open_holds,
            sequence=snapshot.sequence,
            expire_epoch_s=None if reset_epoch_s is None else reset_epoch_s + hold_life_s + _EXPIRY_SLACK_S,
            edition=edition,
        )


def _refuse_late(waited_s: float) -> None:
    if waited_s > _LATEST_S:
        raise TimeoutError("the hold was placed too late")
