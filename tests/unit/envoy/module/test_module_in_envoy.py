"""The module in the real Envoy, without the service that decides."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.envoys.lone_envoy import DECISIONS, UNDECIDED, running_envoy


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an Envoy without the door and without a decision."""
    async with running_envoy(tmp_path, UNDECIDED) as envoy:
        yield envoy.url


@pytest_asyncio.fixture
async def door_url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an Envoy with the door, behind which no authz_service answers."""
    async with running_envoy(tmp_path, DECISIONS) as envoy:
        yield envoy.url


async def error_of(url: str, body: bytes | None, chunked: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body or b""), 10):
            yield (body or b"")[start : start + 10]

    data = pieces() if chunked else body
    headers = {"content-type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as response:
        assert response.status == 500
        return dict((await response.json())["error"])


@pytest.mark.parametrize("body", [None, b"", b'{"model":"m"}', b"{", b'{"model":"' + b"x" * 3_000_000 + b'"}'])
async def test_no_call_passes_without_a_decision(url: str, body: bytes | None) -> None:
    error = await error_of(f"{url}/ready", body)
    assert error["code"] == "gateway_error"


async def test_no_chunked_call_passes_without_a_decision(url: str) -> None:
    assert (await error_of(f"{url}/ready", b'{"model":"m"}', chunked=True))["code"] == "gateway_error"
    assert (await error_of(f"{url}/v1/messages", b'{"model":"m"}'))["type"] == "api_error"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_without_an_answer_about_its_key_no_body_is_kept(door_url: str, path: str) -> None:
    headers = {"content-type": "application/json", "x-api-key": "any"}
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(door_url + path, data=b"{}", headers=headers) as response:
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (503, "dependency_unavailable")
                assert response.headers["retry-after"] == "1"
        async with session.post(door_url + path, data=b"{}") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (401, "missing_api_key")
