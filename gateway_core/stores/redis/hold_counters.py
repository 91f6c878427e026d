"""Open holds and spend counters in Redis: place, seed, apply. All keys of an organization share one hash tag.

The counters are a projection of the ledger: `pool.sequence` says up to which event of it. A missing key is never zero, it is
seeded from a snapshot of PostgreSQL with the sequence the snapshot is true for. Pool and counters belong together by their
generation, drawn anew whenever the pool is rebuilt; `pool.placements` counts placements, so that a pool restored from an old
snapshot is told from the true one. The generation and the number of holds that were added to it because it lacked them are the
pool's edition: docs/adr/0002.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence, Set
from typing import Final

from gateway_core.model.calls.decision import Limits
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import Placement
from gateway_core.model.limits.throttles import Throttle, ThrottleKind, open_calls_of, scope_of
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.records import record
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, throttle_key, withdrawal_key
from gateway_core.stores.redis.pipelined import ScriptClient
from gateway_core.stores.redis.placing import Placing, PlacingTerms, placing_terms
from gateway_core.stores.redis.scripts import AMOUNTS, WINDOWS, script_source

EVENTS_PER_SCRIPT: Final = 100
_TOKENS: Final = f"{ThrottleKind.TOKENS}:"


@record(frozen=True, slots=True)
class CounterEvent:
    """One event of an organization's ledger as the counters see it."""

    sequence: int
    hold_id: str | None
    held_nano_credits: int
    charge_nano_credits: int
    pool_delta_nano_credits: int
    counters: tuple[str, ...]
    """Encoded counters that carry the charge. The first of a scope carries the hold; one that got another cycle while the call was
    under way has a second one.
    """
    used_tokens: int = 0
    """What the call turned out to use, of both sides."""
    throttles: tuple[str, ...] = ()
    """Encoded throttles that the call was admitted by."""


class HoldCounters:
    """The scripts over one Redis."""

    def __init__(self, client: ScriptClient) -> None:
        self._placing = Placing(client)
        self._release = client.register_script(script_source("release.lua", WINDOWS))
        self._seed_pool = client.register_script(script_source("seed_pool.lua"))
        self._seed_counter = client.register_script(script_source("seed_counter.lua"))
        self._drop_pool = client.register_script(script_source("drop_pool.lua"))
        self._confirm = client.register_script(script_source("confirm.lua"))
        self._add_hold = client.register_script(script_source("add_hold.lua"))
        self._apply = client.register_script(script_source("apply.lua", AMOUNTS, WINDOWS))
        self._seed_calls = client.register_script(script_source("seed_calls.lua"))

    async def place(
        self,
        hold: Hold,
        limits: Sequence[int | None],
        floor: int = 0,
        throttle_limits: Sequence[int] = (),
        shadows: Set[Scope] = frozenset(),
    ) -> Placement:
        """Places a hold on the pool, every counter and every throttle, or on nothing. Repeating it changes nothing.

        Args:
            hold: the hold; its counters narrowest first.
            limits: nano-credits for each counter of the hold, None for unlimited.
            floor: a number of placements the pool is known to have reached; with fewer it is old, and counts as missing.
            throttle_limits: of each throttle of the hold.
            shadows: scopes whose guardrails refuse nothing.
        """
        never = (None,) * len(limits)
        of_call = Limits(
            tuple(limits), reset_epoch_s=never, throttles=tuple(throttle_limits), shadows=frozenset(shadows)
        )
        return await self.place_on(placing_terms(hold.claims, of_call), hold, floor)

    def place_on(self, terms: PlacingTerms, hold: Hold, floor: int) -> Awaitable[Placement]:
        """As `place`, with the terms of the hold as they are known."""
        return self._placing.place(terms, hold, floor)

    async def release(self, hold: Hold) -> None:
        """Takes a hold back that was never registered, because its call is not made. One that is placed only afterwards, by a
        Redis that had stalled, is not placed.
        """
        kinds = (throttle.kind for throttle in hold.claims.throttles)
        await self._release(keys=_hold_keys(hold), args=[hold.hold_id, str(len(hold.claims.counters)), *kinds])

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
        """Rebuilds the pool and its open holds unless the pool is there. Amounts in nano-credits.

        Args:
            organization: its id.
            balance: its credit.
            sequence: of the ledger, at which all of this is true.
            generation: a new random name; counters of any other count as missing.
            placements: the highest number of a placement that is known.
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
        open_holds: Mapping[str, int],
        sequence: int,
        expire_epoch_s: int | None,
        edition: str,
    ) -> bool:
        """Rebuilds an encoded counter unless it is there; False when the snapshot is too old and must be read again.

        Args:
            organization: its id.
            counter: the counter.
            settled: nano-credits spent on it.
            open_holds: amounts by hold id.
            sequence: of the ledger, at which all of this is true.
            expire_epoch_s: when nobody needs it any more.
            edition: of the pool, read before the snapshot: from `Missing`.
        """
        expiry = "" if expire_epoch_s is None else str(expire_epoch_s)
        keys = [pool_key(organization), holds_key(organization), counter_key(organization, counter)]
        arguments = [str(settled), str(sequence), expiry, edition, *_flat(open_holds)]
        return bool(await self._seed_counter(keys=keys, args=arguments))

    async def confirm(self, organization: str, holds: Sequence[tuple[Hold, str]]) -> list[Hold] | None:
        """Which of an organization's registered holds Redis does not count; None without a pool.

        Args:
            organization: its id.
            holds: each with the generation it was placed under.
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
        """Counts a hold that Redis does not count; True when it is counted now. Repeating it changes nothing.

        Args:
            hold: open in the register.
            generation: it was placed under.
            open_at_sequence: of the ledger, at which it was open.
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
        return int(await self._add_hold(keys=[pool, holds, *counters, *calls], args=arguments)) == 1

    async def seed_calls(
        self,
        organization: str,
        throttle: Throttle,
        *,
        open_holds: Mapping[str, int],
        sequence: int,
        expire_epoch_s: int,
    ) -> bool:
        """Rebuilds the open calls of a throttle unless they are there; False when the snapshot is too old.

        Args:
            organization: id.
            throttle: of the kind CALLS.
            open_holds: by hold id when each expires, in seconds since the epoch.
            sequence: of the ledger, at which these are open.
            expire_epoch_s: when nothing of this matters any more.
        """
        keys = [pool_key(organization), holds_key(organization), throttle_key(organization, throttle.encode())]
        return bool(await self._seed_calls(keys=keys, args=[str(sequence), str(expire_epoch_s), *_flat(open_holds)]))

    async def drop_pool(self, organization: str, generation: str) -> bool:
        """Drops a pool of this generation, for the next call to rebuild it. Whether it was there."""
        return bool(await self._drop_pool(keys=[pool_key(organization)], args=[generation]))

    async def apply(self, organization: str, after_sequence: int, events: Sequence[CounterEvent]) -> int:
        """Applies consecutive events, the first of which follows `after_sequence`.

        Returns:
            The sequence Redis is at. Below `after_sequence`: events in between are missing and nothing was applied.
            -1: Redis knows nothing of the organization, so there is nothing to keep up; it is seeded when needed.
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
        counters = _places(name for event in events for name in event.counters)
        throttles = _places(name for event in events for name in event.throttles if _counts_tokens(name))
        keys = [pool_key(organization), holds_key(organization)]
        for name in counters:
            keys += (counter_key(organization, name), throttle_key(organization, open_calls_of(name)))
        keys += (throttle_key(organization, name) for name in throttles)
        arguments: list[str | int] = [after_sequence, len(events), len(counters)]
        for event in events:
            counted = [throttles[name] for name in event.throttles if _counts_tokens(name)]
            arguments += (
                event.sequence,
                event.hold_id or "",
                event.held_nano_credits,
                event.charge_nano_credits,
                event.pool_delta_nano_credits,
                event.used_tokens,
                len(event.counters),
                len(counted),
                *_signed(event.counters, counters),
                *counted,
            )
        return int(await self._apply(keys=keys, args=arguments))


def _places(names: Iterable[str]) -> dict[str, int]:
    """Each name once, and its place, from 1 on."""
    return {name: place for place, name in enumerate(dict.fromkeys(names), start=1)}


def _counts_tokens(throttle: str) -> bool:
    return throttle.startswith(_TOKENS)


def _flat(amounts: Mapping[str, int]) -> Iterable[str]:
    return (text for hold_id, amount in amounts.items() for text in (hold_id, str(amount)))


def _hold_keys(hold: Hold) -> list[str]:
    counters = (counter_key(hold.claims.organization, counter.encode()) for counter in hold.claims.counters)
    organization = hold.claims.organization
    return [
        pool_key(organization),
        holds_key(organization),
        withdrawal_key(organization, hold.hold_id),
        *counters,
        *(throttle_key(organization, throttle.encode()) for throttle in hold.claims.throttles),
    ]


def _signed(names: Sequence[str], places: Mapping[str, int]) -> Iterable[int]:
    """The place of each counter; negative where it carries the charge alone, because one of its scope came before."""
    scopes = {scope_of(name) for name in names}
    if len(scopes) == len(names):
        return (places[name] for name in names)
    return _signed_one_by_one(names, places)


def _signed_one_by_one(names: Iterable[str], places: Mapping[str, int]) -> Iterable[int]:
    scopes: set[str] = set()
    for name in names:
        scope = scope_of(name)
        yield -places[name] if scope in scopes else places[name]
        scopes.add(scope)
