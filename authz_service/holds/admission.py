"""Places a hold with one round trip to Redis. Rebuilds counters that Redis lacks from PostgreSQL."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, Protocol

from authz_service.holds.ending_calls import EndingCalls, LineOf, stands_in_no_line
from authz_service.holds.placement_floors import PlacementFloors
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import Missing, Placed, Refused, Taken, Withdrawn
from gateway_core.model.limits.rollovers import Carry
from gateway_core.model.limits.throttles import Throttle
from gateway_core.model.organization.scopes import Scope
from gateway_core.runtime.single_flight import SingleFlight
from gateway_core.runtime.unary import say_that_an_answer_comes
from gateway_core.stores.postgres.hold_store import CounterSnapshot, PoolSnapshot
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.placing import PlacingTerms, Rung

logger = logging.getLogger(__name__)

_ATTEMPTS: Final = 12
_RELEASE_ATTEMPTS: Final = 10
_RELEASE_PAUSE_S: Final = 0.5
"""Each attempt waits this much longer than the one before: 22 s in total, plus the timeouts of a stalled Redis."""
_EXPIRY_SLACK_S: Final = 86_400
_LATEST_S: Final = 1.8
"""Less than the 2 s that Envoy waits. A hold placed after Envoy gave up belongs to no call and would never be settled."""
_OTHER_ANSWERS_S: Final = 0.1
"""How long a replica leaves the answer to another one that has decided otherwise, before it asks Redis again."""
_LAST_ATTEMPT_S: Final = 0.2
"""How much earlier a call stops waiting for the end of others, so that its last attempt is in time."""


class SnapshotSource(Protocol):
    """The source from which lost counters are rebuilt."""

    async def pool_snapshot(self, organization: str) -> PoolSnapshot:
        """Returns the organization's credit and its open holds."""

    async def counter_snapshot(self, organization: str, counter: str) -> CounterSnapshot:
        """Returns what the encoded counter has spent and holds."""

    async def open_carry(self, organization: str, counter: str, previous: str) -> Carry:
        """Records once what the period of the encoded counter begins with, and returns it."""

    async def open_calls(self, organization: str, scope: Scope) -> tuple[int, dict[str, int]]:
        """Returns the ledger sequence and the open calls below a scope, with their expiry in epoch seconds."""


class SeedingError(Exception):
    """The hold was not placed.

    Either the counters could not be rebuilt in a bounded number of attempts, because the ledger changes faster than it
    can be read; or the hold was withdrawn meanwhile; or another replica decided on other terms and did not answer.
    """


class Admissions:
    """Places holds in one Redis and rebuilds its counters from one PostgreSQL."""

    def __init__(
        self,
        counters: HoldCounters,
        snapshots: SnapshotSource,
        floors: PlacementFloors,
        register_delay_ms: int,
        make_generation: Callable[[], str],
        make_attempt: Callable[[], int],
    ) -> None:
        """Creates the admissions.

        Args:
            counters: the counters in Redis.
            snapshots: reads PostgreSQL.
            floors: the known numbers of placements by organization.
            register_delay_ms: how long a placed hold may take to reach the holds table.
            make_generation: returns a random name for a rebuilt pool.
            make_attempt: returns a number that no other attempt to place a hold has, in any replica.
        """
        self._counters = counters
        self._snapshots = snapshots
        self._floors = floors
        self._make_generation = make_generation
        self._make_attempt = make_attempt
        self._register_delay_s = register_delay_ms / 1_000
        self._ending_calls = EndingCalls()
        self._releasing: set[asyncio.Task[None]] = set()
        self._rebuildings: SingleFlight[tuple[str, str], None] = SingleFlight()

    async def place(
        self,
        rungs: Sequence[Rung],
        line_of: LineOf = stands_in_no_line,
    ) -> Placed | Refused:
        """Places the first of the holds that fits on every scope, or none.

        Envoy asks a second replica about a call that the first one has not answered. Both place the same hold, which counts
        once, and each takes back only its own attempt. If they disagree, the first decision stands: the other replica waits
        for Envoy to take that answer, so that Envoy never takes a refusal while the hold is placed.

        Args:
            rungs: the holds, of which most calls have only one. They have the same id, counters and throttles.
            line_of: returns the line in which a refused call waits for the end of open calls; None if it must not wait.

        Raises:
            SeedingError: the counters could not be rebuilt, or the hold was withdrawn, or decided on other terms.
            TimeoutError: Envoy may have refused the call meanwhile; the hold is withdrawn in the background.
            Errors of Redis and PostgreSQL pass through.
        """
        hold = rungs[0].hold
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        attempt = self._make_attempt()
        try:
            placement = await self._place(rungs, attempt)
            if isinstance(placement, Refused):
                again = partial(self._place, rungs, attempt)
                want = partial(self._counters.want, hold.claims.organization)
                latest_s = begun_s + _LATEST_S - _LAST_ATTEMPT_S
                placement = await self._ending_calls.wait(placement, want, again, line_of, latest_s)
            if isinstance(placement, Placed):
                _withdraw_late(now_s() - begun_s)
        except (asyncio.CancelledError, TimeoutError, *UNAVAILABLE):
            # No one waits for the result, or the result is unknown. The call will not be made, so its hold must not
            # remain. Redis either executes a pending placement before the release, or finds the hold withdrawn.
            self._remember(asyncio.create_task(self._release(hold, attempt)))
            raise
        return placement

    def awaits_ends(self, organization: str) -> bool:
        """Returns whether calls of the organization have lately waited for the end of others."""
        return self._ending_calls.awaits(organization)

    def _remember(self, task: asyncio.Task[None]) -> None:
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, hold: Hold, attempt: int) -> None:
        for number in range(_RELEASE_ATTEMPTS):
            await asyncio.sleep(number * _RELEASE_PAUSE_S)
            try:
                await self._counters.release(hold, attempt)
            except UNAVAILABLE:
                continue
            return
        logger.error("could not release a hold without a call", extra={"hold_id": hold.hold_id})

    async def _place(self, rungs: Sequence[Rung], attempt: int) -> Placed | Refused:
        hold, terms = rungs[0].hold, rungs[0].terms
        organization = hold.claims.organization
        for _ in range(_ATTEMPTS):
            floor = self._floors.known(organization)
            if floor is None:  # rare: the common path must not await
                floor = await self._floors.of(organization)
            placement = await self._counters.place_first(rungs, floor, attempt)
            if isinstance(placement, Placed):
                self._floors.reached(organization, placement.number)
            if isinstance(placement, Placed | Refused):
                return placement
            if isinstance(placement, Withdrawn):
                break
            if isinstance(placement, Taken):
                await asyncio.sleep(_OTHER_ANSWERS_S)
                continue
            await self._seed(hold, terms, placement, floor)
        raise SeedingError

    async def _seed(self, hold: Hold, terms: PlacingTerms, missing: Missing, floor: int) -> None:
        organization = hold.claims.organization
        if missing.pool:
            # Longer than Envoy waits before it asks another replica, which would rebuild the pool too.
            say_that_an_answer_comes()
            await self._once((organization, ""), lambda: self._seed_pool(organization, floor))
            return  # Counters must be read after the pool that they belong to.
        await asyncio.gather(
            *(
                self._once(
                    (missing.edition, hold.claims.counters[index].encode()),
                    partial(self._seed_counter, hold, terms, index, missing.edition),
                )
                for index in missing.counters
            ),
            *(
                self._once(
                    (missing.edition, str(terms.previous[index])),
                    partial(self._seed_previous, hold, terms, index, missing.edition),
                )
                for index in missing.previous
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
        """Rebuilds once for all concurrent calls that miss the same thing, so they read PostgreSQL once."""
        await self._rebuildings.run(what, rebuild)

    async def _seed_pool(self, organization: str, floor: int) -> None:
        logger.info("rebuilding credit pool in Redis", extra={"organization": organization})
        # Redis was emptied or restored from an old snapshot. Wait until holds placed just before have reached the holds
        # table.
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

    async def _seed_counter(self, hold: Hold, terms: PlacingTerms, index: int, edition: str) -> None:
        counter = hold.claims.counters[index].encode()
        previous = terms.previous[index] if terms.previous else None
        carry = None
        if previous is not None:
            carry = await self._snapshots.open_carry(hold.claims.organization, counter, previous)
        await self._seed_from_snapshot(hold, counter, terms.reset_epoch_s[index], edition, carry)

    async def _seed_previous(self, hold: Hold, terms: PlacingTerms, index: int, edition: str) -> None:
        """Rebuilds the counter of the period before, which is needed until the present period ends."""
        await self._seed_from_snapshot(hold, str(terms.previous[index]), terms.reset_epoch_s[index], edition, None)

    async def _seed_from_snapshot(
        self, hold: Hold, counter: str, reset_epoch_s: int | None, edition: str, carry: Carry | None
    ) -> None:
        organization = hold.claims.organization
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
            carry=carry,
        )


def _withdraw_late(waited_s: float) -> None:
    if waited_s > _LATEST_S:
        raise TimeoutError("the hold was placed too late")
