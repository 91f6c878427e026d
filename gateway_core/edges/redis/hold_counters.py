"""Open holds and spend counters in Redis: place, seed, apply. All keys of an organization share one hash tag.

The counters are a projection of the ledger: `pool.sequence` says up to which event of it. A missing key is never zero, it is
seeded from a snapshot of PostgreSQL with the sequence the snapshot is true for. Pool and counters belong together by their
generation, drawn anew whenever the pool is rebuilt; `pool.placements` counts placements, so that a pool restored from an old
snapshot is told from the true one. The generation and the number of holds that were added to it because it lacked them are the
pool's edition: docs/adr/0002.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from redis.asyncio import Redis

from gateway_core.domain.holds import Hold
from gateway_core.domain.placements import ExhaustedCounter, Missing, Placed, Placement, Refused, Withdrawn

_SCRIPTS: Final = resources.files("gateway_core.edges.redis")
EVENTS_PER_SCRIPT: Final = 100


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """One event of an organization's ledger as the counters see it."""

    sequence: int
    hold_id: str | None
    held_nano_credits: int
    charge_nano_credits: int
    pool_delta_nano_credits: int
    counters: tuple[str, ...]
    """Encoded counters that carry the charge."""


class HoldCounters:
    """The scripts over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._place = client.register_script(_source("place.lua"))
        self._release = client.register_script(_source("release.lua"))
        self._seed_pool = client.register_script(_source("seed_pool.lua"))
        self._seed_counter = client.register_script(_source("seed_counter.lua"))
        self._drop_pool = client.register_script(_source("drop_pool.lua"))
        self._confirm = client.register_script(_source("confirm.lua"))
        self._add_hold = client.register_script(_source("add_hold.lua"))
        self._apply = client.register_script(_source("apply.lua"))

    async def place(self, hold: Hold, limits: Sequence[int | None], floor: int = 0) -> Placement:
        """Places a hold on the pool and every counter, or on nothing. Repeating it changes nothing.

        Args:
            hold: the hold; its counters narrowest first.
            limits: nano-credits for each counter of the hold, None for unlimited.
            floor: a number of placements the pool is known to have reached; with fewer it is old, and counts as missing.
        """
        arguments = [hold.hold_id, str(hold.amount_nano_credits), str(floor)]
        arguments.extend("" if limit is None else str(limit) for limit in limits)
        answer = await self._place(keys=_hold_keys(hold), args=arguments)
        return _placement(answer)

    async def release(self, hold: Hold) -> None:
        """Takes a hold back that was never registered, because its call is not made. One that is placed only afterwards, by a
        Redis that had stalled, is not placed.
        """
        await self._release(keys=_hold_keys(hold), args=[hold.hold_id])

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
        pool, holds, _, *counters = _hold_keys(hold)
        arguments = [hold.hold_id, str(hold.amount_nano_credits), generation, str(open_at_sequence)]
        return int(await self._add_hold(keys=[pool, holds, *counters], args=arguments)) == 1

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
        indexes = {name: index for index, name in enumerate(_distinct(events), start=1)}
        keys = [pool_key(organization), holds_key(organization), *(counter_key(organization, name) for name in indexes)]
        arguments = [str(after_sequence)]
        for event in events:
            arguments += [
                str(event.sequence),
                event.hold_id or "",
                str(event.held_nano_credits),
                str(event.charge_nano_credits),
                str(event.pool_delta_nano_credits),
                str(len(event.counters)),
                *(str(indexes[name]) for name in event.counters),
            ]
        return int(await self._apply(keys=keys, args=arguments))


def pool_key(organization: str) -> str:
    """Hash: balance, held, sequence, generation, placements, additions."""
    return f"mr:{{{organization}}}:pool"


def holds_key(organization: str) -> str:
    """Hash: hold id to amount."""
    return f"mr:{{{organization}}}:holds"


def counter_key(organization: str, counter: str) -> str:
    """Hash: settled, held, seeded, generation. `counter` is encoded."""
    return f"mr:{{{organization}}}:c:{counter}"


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
    ]


def _distinct(events: Iterable[CounterEvent]) -> dict[str, None]:
    return dict.fromkeys(name for event in events for name in event.counters)


def _placement(answer: Sequence[str | int]) -> Placement:
    kind, *rest = answer
    if kind == "placed":
        return Placed(int(rest[0]), str(rest[1]))
    if kind == "withdrawn":
        return Withdrawn()
    if kind == "missing":
        indexes = [int(index) for index in rest[1:]]
        return Missing(0 in indexes, tuple(index - 1 for index in indexes if index), edition=str(rest[0]))
    triples = zip(rest[0::3], rest[1::3], rest[2::3], strict=True)
    exhausted = [
        ExhaustedCounter(int(index) - 1 if int(index) else None, int(settled), int(held))
        for index, settled, held in triples
    ]
    return Refused(tuple(sorted(exhausted, key=lambda counter: (counter.index is None, counter.index or 0))))


def _source(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")
