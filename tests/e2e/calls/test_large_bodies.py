"""Bodies beyond 256 KiB, which the module reads only while they arrive. They are edited and refused like small ones."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.e2e.conftest import Post, Witness, chat
from tests.support.data.tenants import Tenant

PADDING = "x" * 400_000


def large(**more: object) -> bytes:
    return json.dumps(chat(stream=True, metadata={"note": PADDING}, **more)).encode()


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 70_001):
        yield body[start : start + 70_001]


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_body_is_edited(post: Post, tenant: Tenant, witness: Witness, *, is_chunked: bool) -> None:
    await tenant.guard("member", "mia", requests_per_minute=100)
    before = await witness.last_sequence()
    body = large()
    reply = await post(in_pieces(body) if is_chunked else body)
    assert reply.status == 200, reply.text
    (call,) = await witness.calls_after(before)
    sent = await witness.body_of(call["sequence"])
    assert sent == body.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("end", "code"), [(b',"model":"gpt-4o"}', "repeated_key"), (b',"MODEL":"gpt-4o"}', "misspelled_key")]
)
async def test_a_large_body_with_two_models_is_refused(
    post: Post, witness: Witness, end: bytes, code: str, *, is_chunked: bool
) -> None:
    before = await witness.last_sequence()
    body = large()[:-1] + end
    reply = await post(in_pieces(body) if is_chunked else body)
    assert (reply.status, json.loads(reply.text)["error"]["code"]) == (400, code)
    assert await witness.calls_after(before) == []
