"""Open holds and spend counters in Redis: place, seed, apply. All keys of an organization share one hash tag.

The counters are a projection of the ledger: `pool.sequence` says up to which event of it. A missing key is never zero, it is
seeded from a snapshot of PostgreSQL with the sequence the snapshot is true for. Pool and counters belong together by their
generation, drawn anew whenever the pool is rebuilt; `pool.placements` counts placements, so that a pool restored from an old
snapshot is told from the true one. The generation and the number of holds that were added to it because it lacked them are the
pool's edition: docs/adr/0002.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib import resources
from typing import Final

from gateway_core.domain.holds import Hold
from gateway_core.domain.placements import (
    BusyThrottle,
    ExhaustedCounter,
    Missing,
    Placed,
    Placement,
    Refused,
    TokensLeft,
    Withdrawn,
)
from gateway_core.domain.scopes import Scope
from gateway_core.domain.throttles import Throttle, ThrottleKind, calls_of
from gateway_core.edges.redis.pipelined import ScriptClient
from gateway_core.edges.redis.rate_counters import windowed_script

_SCRIPTS: Final = resources.files("gateway_core.edges.redis")
EVENTS_PER_SCRIPT: Final = 100
_NEVER: Final = -1
_PLACED_VALUES: Final = 3


@dataclass(frozen=True, slots=True)
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

    @property
    def touched_throttles(self) -> tuple[str, ...]:
        """Those, and the open calls of its member and key: who limits them only afterwards counts the calls under way."""
        if self.hold_id is None:
            return self.throttles
        return tuple(dict.fromkeys((*self.throttles, *calls_of(self.counters))))


@dataclass(frozen=True, slots=True)
class PlacingTerms:
    """What the placings of all calls of the same terms have in common, as `place.lua` wants it."""

    keys_before: tuple[str, ...]
    keys_after: tuple[str, ...]
    """Before and after the key of the withdrawal."""
    arguments: tuple[str, ...]
    """From the number of counters on."""
    counter_count: int


def placing_terms(
    hold: Hold, limits: Sequence[int | None], throttle_limits: Sequence[int], shadows: Set[Scope]
) -> PlacingTerms:
    """The terms of a placing; its arguments are those of `HoldCounters.place`."""
    scopes = [counter.scope for counter in hold.counters]
    arguments = [str(len(scopes))]
    arguments += (_limit(limit, scope in shadows) for limit, scope in zip(limits, scopes, strict=True))
    for throttle, limit in zip(hold.throttles, throttle_limits, strict=True):
        arguments += [throttle.kind, _limit(limit, throttle.scope in shadows), str(scopes.index(throttle.scope) + 1)]
    keys = _hold_keys(hold)
    return PlacingTerms(tuple(keys[:2]), tuple(keys[3:]), tuple(arguments), len(scopes))


class HoldCounters:
    """The scripts over one Redis."""

    def __init__(self, client: ScriptClient) -> None:
        self._place = client.register_script(windowed_script("place.lua"))
        self._release = client.register_script(windowed_script("release.lua"))
        self._seed_pool = client.register_script(_source("seed_pool.lua"))
        self._seed_counter = client.register_script(_source("seed_counter.lua"))
        self._drop_pool = client.register_script(_source("drop_pool.lua"))
        self._confirm = client.register_script(_source("confirm.lua"))
        self._add_hold = client.register_script(_source("add_hold.lua"))
        self._apply = client.register_script(windowed_script("apply.lua"))
        self._seed_calls = client.register_script(_source("seed_calls.lua"))

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
        return await self.place_on(placing_terms(hold, limits, throttle_limits, shadows), hold, floor)

    async def place_on(self, terms: PlacingTerms, hold: Hold, floor: int) -> Placement:
        """As `place`, with the terms of the hold as they are known."""
        answer = await self._place(
            keys=(*terms.keys_before, withdrawal_key(hold.organization, hold.hold_id), *terms.keys_after),
            args=(
                hold.hold_id,
                hold.amount_nano_credits,
                floor,
                -(-hold.expires_epoch_us // 10**6),
                hold.input_tokens + hold.output_tokens,
                *terms.arguments,
            ),
        )
        if answer[0] == "placed" and len(answer) == _PLACED_VALUES:
            return Placed(answer[1], answer[2])
        return _placement(answer, terms.counter_count)

    async def release(self, hold: Hold) -> None:
        """Takes a hold back that was never registered, because its call is not made. One that is placed only afterwards, by a
        Redis that had stalled, is not placed.
        """
        kinds = (throttle.kind for throttle in hold.throttles)
        await self._release(keys=_hold_keys(hold), args=[hold.hold_id, str(len(hold.counters)), *kinds])

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
        arguments = [text for hold, generation in holds for text in (hold.hold_id, generation, str(hold.placement))]
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
        counters, throttles = scopes[: len(hold.counters)], scopes[len(hold.counters) :]
        calls = [
            key for key, throttle in zip(throttles, hold.throttles, strict=True) if throttle.kind is ThrottleKind.CALLS
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
        names = dict.fromkeys(key for event in events for key in _event_keys(organization, event))
        indexes = {key: str(index) for index, key in enumerate(names, start=1)}
        keys = [pool_key(organization), holds_key(organization), *names]
        arguments = [str(after_sequence)]
        for event in events:
            arguments += [
                str(event.sequence),
                event.hold_id or "",
                str(event.held_nano_credits),
                str(event.charge_nano_credits),
                str(event.pool_delta_nano_credits),
                str(event.used_tokens),
                str(len(event.counters)),
                str(len(event.touched_throttles)),
                *(f"{sign}{indexes[counter_key(organization, name)]}" for name, sign in _signed(event.counters)),
            ]
            for name in event.touched_throttles:
                arguments += [name.partition(":")[0], indexes[throttle_key(organization, name)]]
        return int(await self._apply(keys=keys, args=arguments))


def pool_key(organization: str) -> str:
    """Hash: balance, held, sequence, generation, placements, additions."""
    return f"mr:{{{organization}}}:pool"


def holds_key(organization: str) -> str:
    """Hash: hold id to amount, or to what `place.lua` keeps; `held_amount` reads it."""
    return f"mr:{{{organization}}}:holds"


def counter_key(organization: str, counter: str) -> str:
    """Hash: settled, held, seeded, generation. `counter` is encoded."""
    return f"mr:{{{organization}}}:c:{counter}"


def throttle_key(organization: str, throttle: str) -> str:
    """Hash of slices for tokens, sorted set of open holds by their expiry for calls. `throttle` is encoded."""
    return f"mr:{{{organization}}}:t:{throttle}"


def held_amount(kept: str) -> int:
    """The amount of an open hold, of what the hash of open holds keeps of it."""
    return int(kept.partition(":")[0])


def withdrawal_key(organization: str, hold_id: str) -> str:
    """There for a minute after the hold was taken back."""
    return f"mr:{{{organization}}}:w:{hold_id}"


def _flat(amounts: Mapping[str, int]) -> Iterable[str]:
    return (text for hold_id, amount in amounts.items() for text in (hold_id, str(amount)))


def _hold_keys(hold: Hold) -> list[str]:
    counters = (counter_key(hold.organization, counter.encode()) for counter in hold.counters)
    organization = hold.organization
    return [
        pool_key(organization),
        holds_key(organization),
        withdrawal_key(organization, hold.hold_id),
        *counters,
        *(throttle_key(organization, throttle.encode()) for throttle in hold.throttles),
    ]


def _event_keys(organization: str, event: CounterEvent) -> Iterable[str]:
    yield from (counter_key(organization, name) for name in event.counters)
    yield from (throttle_key(organization, name) for name in event.touched_throttles)


def _signed(counters: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each counter, and a minus for one that carries the charge alone and not the hold."""
    scopes: set[tuple[str, str]] = set()
    for name in counters:
        kind, scope_id, _ = name.split(":", 2)
        yield name, "-" if (kind, scope_id) in scopes else ""
        scopes.add((kind, scope_id))


def _limit(limit: int | None, shadow: bool) -> str:  # noqa: FBT001
    if limit is None:
        return ""
    return f"s{limit}" if shadow else str(limit)


def _placement(answer: Sequence[str | int], counter_count: int) -> Placement:
    kind, *rest = answer
    if kind == "placed":
        tokens_left, shadows = None, rest[2:]
        if shadows and shadows[0] == "tokens":
            index, remaining, reset_us = map(int, shadows[1:4])
            tokens_left, shadows = TokensLeft(index - 1 - counter_count, remaining, reset_us), shadows[4:]
        return Placed(int(rest[0]), str(rest[1]), tuple(sorted(int(index) - 1 for index in shadows)), tokens_left)
    if kind == "withdrawn":
        return Withdrawn()
    if kind == "missing":
        indexes = [int(index) for index in rest[1:]]
        return Missing(
            pool=0 in indexes,
            counters=tuple(index - 1 for index in indexes if 0 < index <= counter_count),
            edition=str(rest[0]),
            throttles=tuple(index - 1 - counter_count for index in indexes if index > counter_count),
        )
    return _refused([tuple(map(int, rest[start : start + 4])) for start in range(0, len(rest), 4)], counter_count)


def _refused(parts: Sequence[tuple[int, ...]], counter_count: int) -> Refused:
    exhausted = [
        ExhaustedCounter(index - 1 if index else None, settled, held)
        for index, settled, held, _ in parts
        if index <= counter_count
    ]
    busy = [
        BusyThrottle(index - 1 - counter_count, used, None if wait == _NEVER else wait, reset)
        for index, used, wait, reset in parts
        if index > counter_count
    ]
    in_order = sorted(exhausted, key=lambda counter: (counter.index is None, counter.index or 0))
    return Refused(tuple(in_order), tuple(busy))


def _source(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")
