"""The holders of known keys keep a bounded amount of bodies that have not arrived whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from megarouter_envoy.options import Limits, UnfinishedBodies

from tests.e2e.calls.test_strangers import PATHS, Answer, Caller, caller
from tests.support.envoy_doors import doors
from tests.support.envoys.small_envoy import DECIDED, SmallEnvoy, running_small_envoy

MEGABYTE = 1_000_000
SMALL = 900_000
OF_KEY, OF_ORGANIZATION, TOTAL = 4 * MEGABYTE, 6 * MEGABYTE, 8 * MEGABYTE
"""Also those of `door_probes.zig`."""
BEGUN = 49_152
LENGTH = 3 * MEGABYTE
ARRIVED = LENGTH - 1
WORKERS = 2


def test_a_body_counts_from_its_headers_to_its_end() -> None:
    assert doors("begin 1 7 9", "grow 1 1000", "begin 2 8 9", "end 1", "end 2", "end 2") == [
        "-", "-", "-", str(BEGUN), "0", "0",
    ]  # fmt: skip


def test_the_bodies_of_a_key_share_its_limit() -> None:
    assert doors("begin 1 7 9", f"grow 1 {ARRIVED}", "begin 2 7 9", f"grow 2 {MEGABYTE}", "end 1", f"grow 2 {MEGABYTE}") == [
        "-", "-", "-", "caller", str(BEGUN + MEGABYTE), "-",
    ]  # fmt: skip


def test_a_body_that_cannot_fit_is_refused_at_its_headers_and_announced_bytes_do_not_count() -> None:
    begun = [f"begin {number} 7 9 {LENGTH}" for number in (1, 2)]
    assert doors(*begun, "grow 1 2000000", f"begin 3 7 9 {LENGTH}", "begin 4 7 9 18446744073709551615", "end 1") == [
        "-",
        "-",
        "-",
        "caller",
        "caller",
        str(3 * BEGUN),
    ]


def test_the_keys_of_an_organization_share_its_limit() -> None:
    begun = [f"begin {key} {key} 9" for key in (1, 2)]
    assert doors(*begun, f"grow 1 {ARRIVED}", f"grow 2 {ARRIVED}", "begin 3 3 9", f"grow 3 {SMALL}", f"grow 3 {SMALL}") == [
        "-", "-", "-", "caller", "-", "-", "caller",
    ]  # fmt: skip


def test_all_organizations_share_the_total_but_small_bodies_pass() -> None:
    """A key with less than 1 MiB on its way meets no limit but its own."""
    begun = [f"begin {key} {key} {key}" for key in (1, 2, 3)]
    grown = [f"grow {key} {ARRIVED - MEGABYTE // 10}" for key in (1, 2, 3)]
    assert doors(*begun, *grown, "begin 4 4 4", "grow 4 900000", "grow 4 200000") == [
        "-", "-", "-", "-", "-", "total", "-", "-", "total",
    ]  # fmt: skip


@pytest.fixture(scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SmallEnvoy]:
    limits = Limits(unfinished_bodies=UnfinishedBodies(OF_KEY, OF_ORGANIZATION, TOTAL))
    async with running_small_envoy(tmp_path_factory.mktemp("envoy"), limits, WORKERS) as running:
        yield running


@dataclass
class Senders:
    """Callers that have sent all but the last byte of a body."""

    url: str
    until_closed: AsyncExitStack
    waiting: dict[asyncio.Task[Answer], Caller] = field(default_factory=dict)

    async def begin(self, key: str, path: str = PATHS["openai"]) -> None:
        sender = await self.until_closed.enter_async_context(caller(self.url))
        await sender.begin(path, LENGTH, f"x-api-key: {key}")
        await sender.send(bytes(ARRIVED))
        self.waiting[asyncio.ensure_future(sender.answer())] = sender

    async def refused(self) -> Answer:
        """Returns the answer to the only body that is refused: the one whose bytes came last to the worker."""
        done, _ = await asyncio.wait(self.waiting, return_when=asyncio.FIRST_COMPLETED)
        (task,) = done
        del self.waiting[task]
        return task.result()

    async def end(self) -> list[Answer]:
        for sender in self.waiting.values():
            await sender.send(b"x")
        return await asyncio.gather(*self.waiting)


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"]


async def test_half_sent_bodies_of_known_keys_are_bounded_on_all_workers(small: SmallEnvoy) -> None:
    """Seen to fail without the bound: every body was kept until its end."""
    url = f"http://127.0.0.1:{small.model}"
    async with AsyncExitStack() as until_closed:
        senders = Senders(url, until_closed)
        await senders.begin("acme.1")
        await senders.begin("acme.1")
        refused = await senders.refused()
        assert code_of(refused) == (429, "too_many_unfinished_bodies")
        assert refused.headers["retry-after"] == "1"
        await senders.begin("acme.2")
        assert code_of(await senders.refused()) == (429, "too_many_unfinished_bodies")
        await senders.begin("bolt.1")
        await senders.begin("coil.1")
        assert code_of(await senders.refused()) == (503, "overloaded")
        assert [code_of(answer) for answer in await senders.end()] == [(402, DECIDED)] * 2
    async with AsyncExitStack() as until_closed:
        senders = Senders(url, until_closed)
        await senders.begin("acme.1")
        assert [code_of(answer) for answer in await senders.end()] == [(402, DECIDED)]


async def test_the_refusal_has_the_dialect_of_the_caller(small: SmallEnvoy) -> None:
    for dialect, field_name, kind in (
        ("anthropic", "type", "rate_limit_error"),
        ("gemini", "status", "RESOURCE_EXHAUSTED"),
    ):
        async with AsyncExitStack() as until_closed:
            senders = Senders(f"http://127.0.0.1:{small.model}", until_closed)
            for _ in range(2):
                await senders.begin("acme.1", PATHS[dialect])
            answer = await senders.refused()
            # Otherwise Envoy might count the other body until it sees the connection closed.
            assert [code_of(whole)[0] for whole in await senders.end()] == [402]
        error = json.loads(answer.body)["error"]
        assert (answer.status, error[field_name]) == (429, kind)
        assert "than the gateway keeps" in error["message"]
