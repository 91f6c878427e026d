"""Calls that cost exactly their hold, to spend a limit to its last nano-credit."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from tests.e2e.conftest import wait_settled
from tests.support.data.tenants import Tenant
from tests.support.faults.load import Outcome, Request, call

OUTPUT_TOKENS = 40
INPUT_PRICE, OUTPUT_PRICE = 150, 600
"""Nano-credits per token of the model."""
ADDRESSES = 8
"""Envoy closes connections beyond 500 of one address on one of its workers, until they have shown a valid key."""


def counted_call(input_tokens: int, stall_ms: int, output_tokens: int = OUTPUT_TOKENS) -> Request:
    """Returns a call of this cost. Its provider waits before it answers."""
    body = {
        "model": "gpt-4o-mini",
        "max_tokens": OUTPUT_TOKENS,
        "messages": [{"role": "user", "content": "Say hello."}],
    }
    headers = {
        "x-mock-input-tokens": str(input_tokens),
        "x-mock-cached-tokens": "0",
        "x-mock-output-tokens": str(output_tokens),
        "x-mock-stall-ms": str(stall_ms),
    }
    return "/v1/chat/completions", body, headers


@dataclass(frozen=True)
class Held:
    """The hold of every `counted_call`, in nano-credits."""

    nano_credits: int
    input_tokens: int

    def request(self, stall_ms: int = 0) -> Request:
        """Returns the call that costs exactly this."""
        return counted_call(self.input_tokens, stall_ms)


async def find_held(session: aiohttp.ClientSession, base_url: str, tenant: Tenant) -> Held:
    """Makes one call, and returns its hold and the input tokens that cost the whole of it."""
    assert (await call(session, base_url, tenant, counted_call(10, 0))).is_served
    (record,) = await wait_settled(tenant, 1)
    hold = record["hold_nano_credits"]
    return Held(hold, (hold - OUTPUT_TOKENS * OUTPUT_PRICE) // INPUT_PRICE)


async def all_at_once(
    session: aiohttp.ClientSession, base_url: str, tenant: Tenant, requests: Sequence[Request]
) -> list[Outcome]:
    return await asyncio.gather(*(call(session, base_url, tenant, request) for request in requests))


async def from_many_addresses(base_url: str, tenant: Tenant, requests: Sequence[Request]) -> list[Outcome]:
    """Makes all calls at the same time, with a new connection for each, from several addresses of this machine."""
    async with AsyncExitStack() as opened:
        sessions = [
            await opened.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, local_addr=(f"127.0.0.{number}", 0)))
            )
            for number in range(1, ADDRESSES + 1)
        ]
        pairs = zip(itertools.cycle(sessions), requests, strict=False)
        return await asyncio.gather(*(call(session, base_url, tenant, request) for session, request in pairs))
