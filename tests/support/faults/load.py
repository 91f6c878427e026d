"""A known load: a bounded number of calls of several tenants, streamed and not, in three dialects. It keeps every outcome."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.data.tenants import Tenant

PLACES = 12
PAUSE_S = 0.01
PAUSE_AFTER_REFUSAL_S = 0.05
CALLS_MAX = 4_000
SERVED_WITHIN_CALLS = 5
CALL_TIMEOUT_S = 30.0
STORY_CHUNKS = 100

Request = tuple[str, dict[str, Any], dict[str, str]]
"""Path, body and additional headers."""


def chat(text: str) -> Request:
    body = {"model": "gpt-4o-mini", "max_tokens": 60, "messages": [{"role": "user", "content": text}]}
    return "/v1/chat/completions", body, {}


def stalled_chat(text: str, stall_ms: int = 4_000) -> Request:
    """Returns a call whose provider waits before it answers."""
    path, body, _ = chat(text)
    return path, body, {"x-mock-stall-ms": str(stall_ms)}


def long_stream(seconds: float) -> Request:
    """Returns a call whose answer takes so long."""
    body = {
        "model": "gpt-4o-mini",
        "max_tokens": 200,
        "stream": True,
        "messages": [{"role": "user", "content": "Tell me a long story."}],
    }
    pace_ms = str(round(seconds * 1_000 / STORY_CHUNKS))
    return "/v1/chat/completions", body, {"x-mock-pace-ms": pace_ms, "x-mock-chunks": str(STORY_CHUNKS)}


def chat_stream(text: str) -> Request:
    path, body, _ = chat(text)
    return path, {**body, "stream": True}, {"x-mock-pace-ms": "3", "x-mock-chunks": "8"}


def message_stream(text: str) -> Request:
    body = {"model": "claude-haiku-4-5", "max_tokens": 60, "messages": [{"role": "user", "content": text}]}
    return "/v1/messages", {**body, "stream": True}, {"x-mock-chunks": "4"}


def content(text: str) -> Request:
    body = {"contents": [{"parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": 60}}
    return "/v1beta/models/gemini-2.5-flash:generateContent", body, {}


MIX: tuple[Callable[[str], Request], ...] = (chat, chat, chat_stream, message_stream, content)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one call for its caller. Times are monotonic seconds."""

    tenant: Tenant
    status: int | None
    """None if the connection broke before a status arrived."""
    request_id: str | None
    is_complete: bool
    """Whether the whole body arrived."""
    started_s: float
    ended_s: float

    @property
    def is_served(self) -> bool:
        return self.status == 200 and self.is_complete


async def call(
    session: aiohttp.ClientSession, base_url: str, tenant: Tenant, request: Request, timeout_s: float = CALL_TIMEOUT_S
) -> Outcome:
    """Makes one call with the tenant's key."""
    path, body, headers = request
    started_s = time.monotonic()
    status, request_id, is_complete = None, None, False
    try:
        async with session.post(
            base_url + path,
            json=body,
            headers={"authorization": f"Bearer {tenant.key}", **headers},
            timeout=aiohttp.ClientTimeout(timeout_s),
        ) as response:
            status, request_id = response.status, response.headers.get("x-request-id")
            await response.read()
            is_complete = True
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass
    return Outcome(tenant, status, request_id, is_complete, started_s, time.monotonic())


async def served(session: aiohttp.ClientSession, base_url: str, tenant: Tenant, request: Request) -> Outcome:
    """Makes a call, and repeats it if it is not served, because a database of a busy machine may answer too late.

    Raises:
        AssertionError: several calls in a row were not served.
    """
    for _ in range(SERVED_WITHIN_CALLS):
        outcome = await call(session, base_url, tenant, request)
        if outcome.is_served:
            return outcome
        await asyncio.sleep(1.0)
    raise AssertionError(f"not served: {outcome.status}")


@dataclass
class Load:
    """Makes calls in the background until `finish`, or until it made `calls_max` calls."""

    session: aiohttp.ClientSession
    base_url: str
    tenants: Sequence[Tenant]
    places: int = PLACES
    calls_max: int = CALLS_MAX
    outcomes: list[Outcome] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _finishing: bool = False
    _workers: list["asyncio.Task[None]"] = field(default_factory=list)

    async def __aenter__(self) -> "Load":
        self._workers = [asyncio.create_task(self._work(random.Random(place))) for place in range(self.places)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.finish()

    async def finish(self) -> None:
        """Stops making calls, and waits for those under way."""
        self._finishing = True
        await asyncio.gather(*self._workers)

    @property
    def served(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_served]

    async def until_served(
        self,
        count: int,
        *,
        started_after_s: float = 0.0,
        of: Sequence[Tenant] | None = None,
        timeout_s: float = 30.0,
    ) -> float:
        """Waits for a number of served calls (of some tenants) that began after a time. Returns when the first of them ended."""
        tenants = self.tenants if of is None else of
        async with asyncio.timeout(timeout_s):
            while True:
                served = [
                    outcome
                    for outcome in self.served
                    if outcome.started_s >= started_after_s and outcome.tenant in tenants
                ]
                if len(served) >= count:
                    return min(outcome.ended_s for outcome in served)
                await asyncio.sleep(0.01)

    async def _work(self, dice: random.Random) -> None:
        for number in self._numbers:
            if self._finishing or number >= self.calls_max:
                return
            request = dice.choice(MIX)(f"Question {number} of the load. " + "word " * dice.randrange(40))
            outcome = await call(self.session, self.base_url, self.tenants[number % len(self.tenants)], request)
            self.outcomes.append(outcome)
            await asyncio.sleep(PAUSE_S if outcome.is_served else PAUSE_AFTER_REFUSAL_S)
