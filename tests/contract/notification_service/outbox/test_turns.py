"""Turns of many channels are taken together, and one that fails stops no other."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from notification_service.outbox import store
from notification_service.outbox.store import ChannelKey, Taken, Turn
from notification_service.outbox.turns import MOST_BATCHES, Turns
from tests.contract.notification_service.outbox.deliveries import Outbox

CHANNELS = [f"channel-{number}" for number in range(12)]


@pytest.fixture
async def turns(outbox: Outbox) -> Turns:
    for channel in CHANNELS:
        await outbox.add_channel(channel)
        await outbox.add_delivery(1, channel)
    return Turns(outbox.pool, lambda: None)


def leases(turns: Turns, claims: Sequence[str]) -> Sequence[asyncio.Task[Taken]]:
    return [
        asyncio.create_task(turns.take(Turn(ChannelKey("acme", channel), None, claim)))
        for channel, claim in zip(CHANNELS, claims, strict=True)
    ]


async def test_what_waits_is_taken_together(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    take = store.take_turns

    async def counted(pool: asyncpg.Pool, given: Sequence[Turn], *rest: object) -> Sequence[Taken]:
        sizes.append(len(given))
        return await take(pool, given, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "take_turns", counted)
    taken = await asyncio.gather(*leases(turns, CHANNELS))
    assert [one.next.claim for one in taken if one.next] == CHANNELS
    assert sum(sizes) == len(CHANNELS)
    assert len(sizes) <= MOST_BATCHES


async def test_a_turn_that_fails_stops_no_other(turns: Turns) -> None:
    """Seen to fail all twelve if a batch that fails is not taken one by one."""
    claims = [*CHANNELS[:-1], "no text of PostgreSQL \0"]
    *others, bad = await asyncio.gather(*leases(turns, claims), return_exceptions=True)
    assert isinstance(bad, asyncpg.PostgresError)
    assert [isinstance(one, Taken) and one.next is not None for one in others] == [True] * len(others)


async def test_a_turn_that_nobody_waits_for_any_more_is_left_out(turns: Turns, outbox: Outbox) -> None:
    waiting = leases(turns, CHANNELS)
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    claims = await outbox.owner.fetch("SELECT claim FROM notification_deliveries ORDER BY claim")
    assert [row["claim"] for row in claims] == ["", *sorted(CHANNELS[1:])]
