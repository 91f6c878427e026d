"""A rating is read from fixed lists, bounded, and not lost if it comes before its call is settled."""

import asyncio
import json
from typing import Any

import pytest

from authz_service.feedback.rating import BODY_BYTES_MAX, Rating
from authz_service.feedback.ratings import PAUSES_S, Ratings
from authz_service.feedback.store import Rated
from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from tests.support.data.examples import call, principal

REQUEST_ID = "3f0a1c2e-9d4b-4a6f-8c11-0123456789ab"
FACTS: dict[str, object] = {"feedback_id": REQUEST_ID, "feedback_rating": "bad", "feedback_reason": "incorrect"}


class MemoryStore:
    """Answers in an order that a test sets; the last answer repeats."""

    def __init__(self, *answers: Rated) -> None:
        self.answers = list(answers)
        self.stored: list[tuple[Owner, Rating, bool]] = []

    async def rate(self, owner: Owner, rating: Rating, *, may_wait: bool) -> Rated:
        self.stored.append((owner, rating, may_wait))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Clock:
    """A time that passes only in sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, pause_s: float) -> None:
        self.now_s += pause_s


def ratings(store: MemoryStore, clock: Clock | None = None) -> Ratings:
    clock = clock or Clock()
    return Ratings(store, clock, clock.sleep)


async def taken(store: MemoryStore, facts: dict[str, object] | None = None, **changes: Any) -> str | Refusal:
    sent = FACTS if facts is None else facts
    return await ratings(store).take(call(sent, path="/v1/feedback", **changes), principal())


async def test_a_rating_is_stored_for_the_caller_and_confirmed() -> None:
    store = MemoryStore(Rated.RECORDED)
    answer = await taken(store)
    assert isinstance(answer, str)
    assert json.loads(answer) == {
        "object": "feedback", "id": REQUEST_ID, "rating": "bad", "reason": "incorrect", "status": "recorded",
    }  # fmt: skip
    assert store.stored == [(Owner("acme", "mia"), Rating(REQUEST_ID, "bad", "incorrect"), False)]


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"feedback_id": None}, "id"),
        ({"feedback_id": "call-1"}, "id"),
        ({"feedback_id": False}, "id"),
        ({"feedback_rating": "meh"}, "rating"),
        ({"feedback_rating": False}, "rating"),
        ({"feedback_reason": "because it said so"}, "reason"),
        ({"feedback_reason": False}, "reason"),
        ({"feedback_other": True}, "body"),
    ],
)
async def test_a_value_that_is_on_no_list_is_refused_and_nothing_is_stored(
    changes: dict[str, object], parameter: str
) -> None:
    store = MemoryStore(Rated.RECORDED)
    refused = await taken(store, {**FACTS, **changes})
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.parameter) == (400, parameter)
    assert store.stored == []


async def test_a_long_body_is_refused() -> None:
    refused = await taken(MemoryStore(Rated.RECORDED), body_bytes=BODY_BYTES_MAX + 1)
    assert isinstance(refused, Refusal)
    assert refused.status == 400


async def test_a_body_that_is_no_json_is_refused() -> None:
    refused = await taken(MemoryStore(Rated.RECORDED), {"unreadable": "true"})
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.UNREADABLE_BODY


async def test_a_call_that_is_settled_a_moment_later_is_found() -> None:
    store = MemoryStore(Rated.UNKNOWN, Rated.UNKNOWN, Rated.RECORDED)
    answer = await taken(store)
    assert isinstance(answer, str)
    assert json.loads(answer)["status"] == "recorded"
    assert len(store.stored) == 3


async def test_only_the_last_try_stores_a_rating_that_waits() -> None:
    store = MemoryStore(*[Rated.UNKNOWN] * len(PAUSES_S), Rated.PENDING)
    answer = await taken(store)
    assert isinstance(answer, str)
    assert json.loads(answer)["status"] == "pending"
    assert [may_wait for _, _, may_wait in store.stored] == [False] * len(PAUSES_S) + [True]


async def test_a_call_of_another_is_as_unknown_as_one_that_never_was() -> None:
    refused = await taken(MemoryStore(Rated.UNKNOWN))
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.reason) == (404, RefusalReason.CALL_NOT_FOUND)


async def test_a_key_sends_a_bounded_number_of_ratings() -> None:
    clock, store = Clock(), MemoryStore(Rated.RECORDED)
    bounded = ratings(store, clock)
    rating = call(FACTS, path="/v1/feedback")
    answers = [await bounded.take(rating, principal()) for _ in range(61)]
    assert [isinstance(one, Refusal) for one in answers] == [False] * 60 + [True]
    refused = answers[-1]
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.should_retry, refused.retry_after_s) == (429, True, 1)
    assert isinstance(await bounded.take(rating, principal(api_key="key-2")), str), "another key has its own bound"
    clock.now_s += 1
    assert isinstance(await bounded.take(rating, principal()), str)


async def test_a_process_works_on_a_bounded_number_of_ratings() -> None:
    never = asyncio.Event()

    async def sleep(_pause_s: float) -> None:
        await never.wait()

    bounded, rating = Ratings(MemoryStore(Rated.UNKNOWN), Clock(), sleep), call(FACTS, path="/v1/feedback")
    waiting = [asyncio.create_task(bounded.take(rating, principal(api_key=f"key-{number}"))) for number in range(256)]
    await asyncio.sleep(0)
    refused = await bounded.take(rating, principal())
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.TOO_MANY_RATINGS
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    never.set()
    refused = await bounded.take(rating, principal())
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.CALL_NOT_FOUND, "places come back"
