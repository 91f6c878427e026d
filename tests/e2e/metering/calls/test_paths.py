"""Paths, methods and upgrades that clients try, through the real stack."""

from typing import Any

import pytest

from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import json_answer

ANSWER = {"model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}
UPGRADE = {
    "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZQ==",
    "content-length": "", "content-type": "",
}  # fmt: skip
ANTHROPIC = {"anthropic-version": "2023-06-01"}


async def get(metering: Metering, path: str, method: str = "GET", **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await metering.call(b"", path, method=method, headers={"content-length": "", "content-type": "", **sent})


async def test_a_websocket_is_refused_so_that_clients_fall_back(metering: Metering) -> None:
    reply = await metering.call(b"", "/v1/responses", method="GET", headers=UPGRADE)
    assert (reply.status, reply.json["error"]["code"]) == (426, "upgrade_refused")
    reply = await metering.call(b"", "/v1/messages", method="GET", headers=UPGRADE)
    assert (reply.status, reply.json["type"]) == (426, "error")


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "/openai/v1/chat/completions"])
async def test_another_form_of_a_path_is_the_same_call(metering: Metering, path: str) -> None:
    metering.upstream.answer(json_answer(ANSWER))
    assert (await metering.call(chat(model="gpt-4o"), path)).status == 200
    (request,) = metering.upstream.requests
    assert request.path == "/v1/chat/completions"


async def test_errors_below_a_base_are_in_its_dialect(metering: Metering) -> None:
    body = {"model": "claude-imaginary", "max_tokens": 1, "messages": []}
    reply = await metering.call(body, "/anthropic/v1/messages")
    assert (reply.status, reply.json["error"]["type"]) == (404, "not_found_error")
    reply = await metering.call(b"{", "/anthropic/v1/messages")
    assert (reply.status, reply.json["type"]) == (400, "error")


@pytest.mark.parametrize(
    ("headers", "shape"),
    [({}, ("error", "code")), (ANTHROPIC, ("error", "type")), ({"x-goog-api-key": "mr-x"}, ("error", "status"))],
)
async def test_an_error_on_a_path_of_no_dialect_has_the_callers_shape(
    metering: Metering, headers: dict[str, str], shape: tuple[str, str]
) -> None:
    reply = await metering.call(b"", "/v1/files", method="GET", headers=headers)
    found: Any = reply.json
    assert reply.status == 404
    assert shape[1] in found[shape[0]]
    assert ("type" in found) == (headers == ANTHROPIC)
    assert ("status" in found["error"]) == ("x-goog-api-key" in headers)


async def test_the_health_of_the_gateway_needs_no_key(metering: Metering) -> None:
    reply = await get(metering, "/health", authorization="")
    assert (reply.status, reply.json) == (200, {"status": "ok"})


async def test_model_lists_answer_head_and_pages(metering: Metering) -> None:
    reply = await get(metering, "/v1/models", "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    reply = await get(metering, "/v1/models?limit=1", anthropic_version="2023-06-01")
    assert (len(reply.json["data"]), reply.json["has_more"]) == (1, True)
    reply = await get(metering, "/v1beta/models?pageSize=1")
    assert len(reply.json["models"]) == 1
    assert reply.json["nextPageToken"]
    reply = await get(metering, "/v1/models?limit=0", anthropic_version="2023-06-01")
    assert reply.status == 400


MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", chat(model="gpt-4o")), ("/v1/messages", MESSAGE)])
@pytest.mark.parametrize("count", [91, 95])
async def test_too_many_headers_get_431_also_where_authorization_adds_its_own(
    metering: Metering, path: str, body: dict[str, Any], count: int
) -> None:
    """Envoy takes 100 headers. Those of a call, and those that authorization adds for the provider, count together."""
    metering.upstream.answer(json_answer(ANSWER))
    few, many = ({f"x-extra-{number}": "v" for number in range(extra)} for extra in (80, count))
    assert (await metering.call(body, path, headers=few)).status == 200
    reply = await metering.call(body, path, headers=many)
    assert (reply.status, reply.headers["x-should-retry"]) == (431, "false")
    assert ("type" in reply.json) == (path == "/v1/messages")
    assert "request headers are too large" in reply.json["error"]["message"]
    assert len(metering.upstream.requests) == 1
