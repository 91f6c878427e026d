"""Requests of one key differ only in the id of the call at their end, so they are read once."""

from collections.abc import Sequence

import pytest

from gateway_core.model.limits.rate_limits import CounterState, Demand
from ratelimit_service import handler
from ratelimit_service.handler import RateLimitHandler
from tests.unit.ratelimit_service.requests import rate_limit_request

IDS = tuple(f"hold-01k{number:023}" for number in range(3))


class Counters:
    """Counters that admit every call, and remember what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []

    async def take(self, demands: Sequence[Demand], call_id: str) -> list[CounterState]:
        self.asked.append((demands[0].limit, call_id))
        return [CounterState(demand, fits=True, remaining=1, wait_us=0, reset_us=1) for demand in demands]


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def asked(counters: Counters) -> RateLimitHandler:
    return RateLimitHandler(counters)  # type: ignore[arg-type]


def request(limit: int, **call: str) -> bytes:
    return bytes(rate_limit_request(("member", "mia", limit), call=call).SerializeToString())


async def test_requests_with_other_ids_are_read_once(
    asked: RateLimitHandler, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when the whole request was remembered: each call was read again."""
    await asked.should_rate_limit(request(7, hold_id=IDS[0]))
    monkeypatch.setattr(handler, "read_call", None)
    await asked.should_rate_limit(request(7, hold_id=IDS[1]))
    assert counters.asked == [(7, IDS[0]), (7, IDS[1])]


async def test_each_request_counts_under_its_own_id(asked: RateLimitHandler, counters: Counters) -> None:
    calls = [
        (request(7, hold_id=IDS[0]), (7, IDS[0])),
        (request(8, hold_id=IDS[0]), (8, IDS[0])),
        (request(7, call_id=IDS[1]), (7, IDS[1])),
        (request(7), (7, "")),
        (request(7, hold_id="hold-1"), (7, "hold-1")),
        (request(7, hold_id="hold-2"), (7, "hold-2")),
        # The last entry has the length of an id and is none.
        (rate_limit_request(("member", "mia", 9), dialect=IDS[0]).SerializeToString(), (9, "")),
        (rate_limit_request(("member", "mia", 9), dialect=IDS[1]).SerializeToString(), (9, "")),
    ]
    for sent, _ in [*calls, *calls]:
        await asked.should_rate_limit(sent)
    assert counters.asked == [expected for _, expected in [*calls, *calls]]
