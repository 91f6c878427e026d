"""Open holds and spend counters in Redis: placing, seeding, applying. All keys of an organization share one hash tag.

The counters are a projection of the ledger up to the event `pool.sequence`. A missing key never counts as zero: it is
seeded from a snapshot of PostgreSQL, together with the sequence of the snapshot. Pool and counters belong together if
they have the same generation, a random name that changes when the pool is rebuilt. `pool.placements` counts placements,
which detects a pool restored from an old snapshot. The generation and the number of holds added to the pool afterward
are its edition. See docs/adr/0002.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from typing import Final

from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import Placement
from gateway_core.model.catalog.reserves import OutputShare
from gateway_core.model.limits.rollovers import Carry
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, throttle_key, withdrawal_key
from gateway_core.stores.redis.pipelined import ScriptClient
from gateway_core.stores.redis.placing import Placing, PlacingTerms, Rung, placing_terms
from gateway_core.stores.redis.scripts import AMOUNTS, OPEN_HOLDS, WINDOWS, script_source
from gateway_core.stores.redis.shared_keys import places_of, shared_keys

EVENTS_PER_SCRIPT: Final = 100


@record(frozen=True, slots=True)
class CounterEvent:
    """One event of an organization's ledger as the counters see it."""

    sequence: int
    hold_id: str | None
    charge_nano_credits: int
    pool_delta_nano_credits: int
    counters: tuple[str, ...]
    """Encoded counters that carry the charge. The first counter of a budget carries the hold.

    A budget whose cycle changed during the call has a second counter.
    """
    used_tokens: int = 0
    """The input and output tokens that the call used."""
    throttles: tuple[str, ...] = ()
    """Encoded throttles that admitted the call."""


@record(frozen=True, slots=True)
class FinishedCall:
    """What the counters need to know of a finished call before it is settled."""

    hold_id: str
    charge_nano_credits: int
    """The charge that will be settled."""
    used_tokens: int
    """The input and output tokens that the call used."""
    counters: tuple[str, ...]
    """Encoded counters of the hold."""
    throttles: tuple[str, ...] = ()
    """Encoded throttles that admitted the call."""


OnApplied = Callable[[str, bool], None]


def _ignore(_organization: str, _wanted: bool) -> None:  # noqa: FBT001
    """The default of `on_applied`."""


class HoldCounters:
    """The scripts of one Redis."""

    def __init__(self, client: ScriptClient, on_applied: OnApplied = _ignore) -> None:
        """Creates the counters.

        Args:
            client: the Redis.
            on_applied: receives the organization of applied events, and whether its calls wait for each other.
        """
        self._on_applied = on_applied
        self._placing = Placing(client)
        self._release = client.register_script(script_source("release.lua", WINDOWS, OPEN_HOLDS))
        self._seed_pool = client.register_script(script_source("seed_pool.lua"))
        self._seed_counter = client.register_script(script_source("seed_counter.lua", OPEN_HOLDS))
        self._drop_pool = client.register_script(script_source("drop_pool.lua"))
        self._confirm = client.register_script(script_source("confirm.lua"))
        self._restore_hold = client.register_script(script_source("restore_hold.lua"))
        self._apply = client.register_script(script_source("apply.lua", AMOUNTS, WINDOWS, OPEN_HOLDS))
        self._seed_calls = client.register_script(script_source("seed_calls.lua", OPEN_HOLDS))
        self._finish = client.register_script(script_source("finish.lua", AMOUNTS, WINDOWS, OPEN_HOLDS))
        self._want = client.register_script(script_source("want.lua"))
        self._reopen = client.register_script(script_source("reopen.lua", AMOUNTS, OPEN_HOLDS))

    async def place(
        self,
        hold: Hold,
        limits: Sequence[int | None],
        floor: int = 0,
        throttle_limits: Sequence[int] = (),
        shadows: Set[Scope] = frozenset(),
        attempt: int = 0,
    ) -> Placement:
        """Places a hold on the pool, every counter and every throttle, or on none. Repeating it changes nothing.

        Args:
            hold: the hold. Its counters are ordered from narrowest to widest.
            limits: nano-credits for each counter of the hold; None for unlimited.
            floor: a number of placements that the pool is known to have reached. A pool with fewer is old and counts as
                missing.
            throttle_limits: the limit of each throttle of the hold.
            shadows: scopes whose guardrails are in shadow mode and refuse nothing.
            attempt: on whose behalf. The hold stays until every attempt that placed it has released it.
        """
        never = (None,) * len(limits)
        of_call = Limits(
            tuple(limits), reset_epoch_s=never, throttles=tuple(throttle_limits), shadows=frozenset(shadows)
        )
        return await self.place_on(placing_terms(hold.claims, of_call), hold, floor, attempt=attempt)

    def place_on(
        self, terms: PlacingTerms, hold: Hold, floor: int, share: OutputShare | None = None, attempt: int = 0
    ) -> Awaitable[Placement]:
        """Does the same as `place`, with the prepared terms of the hold."""
        return self._placing.place((Rung(terms, hold, share),), floor, attempt)

    def place_first(self, rungs: Sequence[Rung], floor: int, attempt: int = 0) -> Awaitable[Placement]:
        """Places the first of several holds that fits, or none. They have the same id, counters and throttles."""
        return self._placing.place(rungs, floor, attempt)

    async def release(self, hold: Hold, attempt: int = 0) -> None:
        """Releases a hold that this attempt never recorded, because it makes no call. It stays if other attempts placed it too.

        If a stalled Redis executes the placement of the attempt only afterward, it does not place the hold.
        """
        kinds = (throttle.kind for throttle in hold.claims.throttles)
        arguments = [hold.hold_id, str(attempt), str(len(hold.claims.counters)), *kinds]
        await self._release(keys=_hold_keys(hold, attempt), args=arguments)

    async def seed_pool(
        self,
        organization: str,
        *,
        balance: int,
        sequence: int,
        generation: str,
        placements: int,
        open_holds: Mapping[str, int],
    ) -> None:
        """Rebuilds the pool and its open holds, unless the pool exists. Amounts are nano-credits.

        Args:
            organization: the organization's id.
            balance: the organization's credit.
            sequence: the ledger sequence of these values.
            generation: a new random name. Counters of any other generation count as missing.
            placements: the highest known placement number.
            open_holds: amounts by hold id.
        """
        held = sum(open_holds.values())
        arguments = [str(balance), str(held), str(sequence), generation, str(placements), *_flat(open_holds)]
        await self._seed_pool(keys=[pool_key(organization), holds_key(organization)], args=arguments)

    async def seed_counter(
        self,
        organization: str,
        counter: str,
        *,
        settled: int,
        open_holds: Iterable[str],
        sequence: int,
        expire_epoch_s: int | None,
        edition: str,
        carry: Carry | None = None,
    ) -> bool:
        """Rebuilds an encoded counter, unless it exists. Returns False if the snapshot is too old and must be read
        again.

        Args:
            organization: the organization's id.
            counter: the encoded counter.
            settled: nano-credits spent on it.
            open_holds: the ids of the open holds.
            sequence: the ledger sequence of these values.
            expire_epoch_s: when the counter is no longer needed; None for never.
            edition: the edition of the pool before the snapshot was read, from `Missing`.
            carry: what the counter's period begins with; None if nothing is carried into it.
        """
        expiry = "" if expire_epoch_s is None else str(expire_epoch_s)
        keys = [pool_key(organization), holds_key(organization), counter_key(organization, counter)]
        carried = ("", "") if carry is None else (str(carry.base), str(carry.cap))
        arguments = [str(settled), str(sequence), expiry, edition, *carried, *open_holds]
        return bool(await self._seed_counter(keys=keys, args=arguments))

    async def confirm(self, organization: str, holds: Sequence[tuple[Hold, str]]) -> list[Hold] | None:
        """Returns which of an organization's recorded holds Redis does not count; None without a pool.

        Args:
            organization: the organization's id.
            holds: each with the generation that it was placed under.
        """
        highest: dict[str, int] = {}
        for hold, generation in holds:
            highest[generation] = max(hold.placement, highest.get(generation, 0))
        arguments: list[str | int] = [len(highest)]
        for generation, placement in highest.items():
            arguments += (generation, placement)
        arguments += (hold.hold_id for hold, _ in holds)
        absent = await self._confirm(keys=[pool_key(organization), holds_key(organization)], args=arguments)
        return None if absent is None else [holds[index - 1][0] for index in absent]

    async def add(self, hold: Hold, generation: str, open_at_sequence: int) -> bool:
        """Counts a hold that Redis does not count. Returns whether it is counted now. Repeating it changes nothing.

        Args:
            hold: a hold that is open in the holds table.
            generation: the generation that it was placed under.
            open_at_sequence: a ledger sequence at which it was open.
        """
        pool, holds, _, *scopes = _hold_keys(hold)
        counters, throttles = scopes[: len(hold.claims.counters)], scopes[len(hold.claims.counters) :]
        calls = [
            key
            for key, throttle in zip(throttles, hold.claims.throttles, strict=True)
            if throttle.kind is ThrottleKind.CALLS
        ]
        arguments = [hold.hold_id, str(hold.amount_nano_credits), generation, str(open_at_sequence)]
        arguments += [str(len(counters)), str(-(-hold.expires_epoch_us // 1_000_000))]
        return int(await self._restore_hold(keys=[pool, holds, *counters, *calls], args=arguments)) == 1

    async def seed_calls(
        self,
        organization: str,
        throttle: Throttle,
        *,
        open_holds: Mapping[str, int],
        sequence: int,
        expire_epoch_s: int,
    ) -> bool:
        """Rebuilds the open calls of a throttle, unless they exist. Returns False if the snapshot is too old.

        Args:
            organization: the organization's id.
            throttle: a throttle of the kind CALLS.
            open_holds: by hold id, the expiry in epoch seconds.
            sequence: the ledger sequence at which these holds are open.
            expire_epoch_s: when the throttle's key is no longer needed.
        """
        keys = [pool_key(organization), holds_key(organization), throttle_key(organization, throttle.encode())]
        return bool(await self._seed_calls(keys=keys, args=[str(sequence), str(expire_epoch_s), *_flat(open_holds)]))

    async def want(self, organization: str) -> None:
        """Asks for the ends of an organization's calls before their settlement, for a minute."""
        await self._want(keys=[pool_key(organization)], args=[])

    async def finish(self, organization: str, calls: Sequence[FinishedCall]) -> int:
        """Gives back what finished calls leave of their holds, before they are settled. Repeating it changes nothing.

        Returns:
            The number of holds that are now their charge. A hold that Redis does not count, or may not count
                everywhere, stays as it is until its settlement is applied.
        """
        finished = 0
        for start in range(0, len(calls), EVENTS_PER_SCRIPT):
            finished += await self._finish_chunk(organization, calls[start : start + EVENTS_PER_SCRIPT])
        return finished

    async def _finish_chunk(self, organization: str, calls: Sequence[FinishedCall]) -> int:
        paths = places_of((call.counters, call.throttles) for call in calls)
        places, keys = shared_keys(organization, list(paths))
        arguments: list[str | int] = [places.counter_count, len(paths)]
        for counters, throttles in paths:
            counted = places.of_throttles(throttles)
            arguments += (len(counters), len(counted), *places.of_counters(counters), *counted)
        for call in calls:
            path = paths[call.counters, call.throttles]
            arguments += (call.hold_id, call.charge_nano_credits, call.used_tokens, path)
        return int(await self._finish(keys=keys, args=arguments))

    async def reopen(self, organization: str, hold_id: str, counters: Iterable[str]) -> bool:
        """Gives a finished call that was not settled its whole hold back. Returns whether the hold has it now.

        Args:
            organization: the organization's id.
            hold_id: a hold that is open in the holds table.
            counters: its encoded counters.
        """
        keys = [pool_key(organization), holds_key(organization)]
        keys += (counter_key(organization, counter) for counter in counters)
        return bool(await self._reopen(keys=keys, args=[hold_id]))

    async def drop_pool(self, organization: str, generation: str) -> bool:
        """Drops a pool of this generation, so that the next call rebuilds it. Returns whether it existed."""
        return bool(await self._drop_pool(keys=[pool_key(organization)], args=[generation]))

    async def apply(self, organization: str, after_sequence: int, events: Sequence[CounterEvent]) -> int:
        """Applies consecutive events, the first of which follows `after_sequence`.

        Returns:
            The sequence that Redis has reached. If it is below `after_sequence`, events in between are missing and
                nothing was applied. -1 if Redis has no pool of the organization: there is nothing to update, and it is
                seeded when needed.
        """
        applied = after_sequence
        for start in range(0, len(events), EVENTS_PER_SCRIPT):
            chunk = events[start : start + EVENTS_PER_SCRIPT]
            before = after_sequence if start == 0 else events[start - 1].sequence
            applied = await self._apply_chunk(organization, before, chunk)
            if applied < before:
                return applied
        return applied

    async def _apply_chunk(self, organization: str, after_sequence: int, events: Sequence[CounterEvent]) -> int:
        paths = list(dict.fromkeys((event.counters, event.throttles) for event in events))
        places, keys = shared_keys(organization, paths)
        written = {path: places.of_path(*path) for path in paths}
        arguments: list[str | int] = [after_sequence, len(events), places.counter_count]
        for event in events:
            arguments += (
                event.sequence,
                event.hold_id or "",
                event.charge_nano_credits,
                event.pool_delta_nano_credits,
                event.used_tokens,
            )
            arguments += written[event.counters, event.throttles]
        applied, wanted = await self._apply(keys=keys, args=arguments)
        self._on_applied(organization, int(wanted) == 1)
        return int(applied)


def _flat(amounts: Mapping[str, int]) -> Iterable[str]:
    return (text for hold_id, amount in amounts.items() for text in (hold_id, str(amount)))


def _hold_keys(hold: Hold, attempt: int = 0) -> list[str]:
    counters = (counter_key(hold.claims.organization, counter.encode()) for counter in hold.claims.counters)
    organization = hold.claims.organization
    return [
        pool_key(organization),
        holds_key(organization),
        withdrawal_key(organization, hold.hold_id, attempt),
        *counters,
        *(throttle_key(organization, throttle.encode()) for throttle in hold.claims.throttles),
    ]
