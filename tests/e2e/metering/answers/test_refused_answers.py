"""Answers of providers that do not reach the caller, and what callers receive in their place."""

import gzip
import json
from typing import Any

import pytest

from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import Script, Send, answer, chunk, head, json_answer

CREDENTIAL = "credential-of-openai"
JSON = {"content-type": "application/json"}


def openai_error(message: str, **fields: object) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


async def answered(metering: Metering, script: Script) -> Reply:
    """Returns what the caller receives. Asserts that the call is free."""
    metering.upstream.answer(script)
    reply = await metering.call(chat(model="gpt-4o"))
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (0, "provider_error")
    return reply


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, openai_error(f"Incorrect API key provided: {CREDENTIAL}", code="invalid_api_key")),
        (403, openai_error("Project org-1 has no access")),
        (402, openai_error("Insufficient Balance")),
        (429, openai_error("You exceeded your current quota", type="insufficient_quota", code="insufficient_quota")),
        (
            400,
            {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
        ),
        (400, {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}),
        (
            429,
            {"error": {"code": 429, "details": [{"@type": "t/google.rpc.QuotaFailure", "quotaId": "RequestsPerDay"}]}},
        ),
    ],
)
async def test_an_error_about_our_account_becomes_one_of_the_gateway(
    metering: Metering, status: int, body: object
) -> None:
    reply = await answered(metering, json_answer(body, status))
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_unavailable")
    assert reply.headers["x-should-retry"] == "false"
    assert "org-1" not in reply.text


@pytest.mark.parametrize(
    ("model", "path", "body"),
    [
        ("claude-haiku-4-5", "/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}),
        (
            "gemini-2.5-flash",
            "/v1beta/models/gemini-2.5-flash:generateContent",
            {"contents": [{"parts": [{"text": "x"}]}]},
        ),
    ],
)
async def test_the_error_is_in_the_dialect_of_the_caller(
    metering: Metering, model: str, path: str, body: dict[str, Any]
) -> None:
    metering.upstream.answer(json_answer({"error": {"message": "no"}}, 401))
    reply = await metering.call({"model": model, **body} if path == "/v1/messages" else body, path)
    assert reply.status == 502
    named = reply.json["error"].get("status") or reply.json["error"]["type"]
    assert named == ("api_error" if path == "/v1/messages" else "UNAVAILABLE")


@pytest.mark.parametrize(("waits", "retries"), [("7", None), ("60", None), ("61", "false")])
async def test_a_rate_limit_keeps_its_delay_but_not_its_text(
    metering: Metering, waits: str, retries: str | None
) -> None:
    body = openai_error("Rate limit reached in organization org-1", type="tokens", code="rate_limit_exceeded")
    reply = await answered(metering, json_answer(body, 429, {"retry-after": waits}))
    assert (reply.status, reply.json["error"]["code"]) == (429, "provider_rate_limited")
    assert (reply.headers["retry-after"], reply.headers.get("x-should-retry")) == (waits, retries)
    assert "org-1" not in reply.text


@pytest.mark.parametrize(
    ("headers", "body", "waits"),
    [
        ({"retry-after-ms": "1500"}, {}, "2"),
        ({"retry-after": "0.5"}, {}, "1"),
        ({}, {"error": {"details": [{"@type": "t/google.rpc.RetryInfo", "retryDelay": "20.04s"}]}}, "21"),
        ({}, {}, None),
    ],
)
async def test_the_delay_is_found_wherever_the_provider_states_it(
    metering: Metering, headers: dict[str, str], body: object, waits: str | None
) -> None:
    reply = await answered(metering, json_answer(body, 429, headers))
    assert (reply.status, reply.headers.get("retry-after")) == (429, waits)


@pytest.mark.parametrize(
    "script",
    [
        answer(b"", 307, {"location": "https://example.com/"}),
        answer(b"{}", 302, {"location": "/elsewhere", **JSON}),
        [Send(head(101, {"upgrade": "websocket", "connection": "upgrade"}, "Switching Protocols"))],
    ],
)
async def test_a_redirect_is_refused(metering: Metering, script: Script) -> None:
    reply = await answered(metering, script)
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_unavailable")
    assert "location" not in reply.headers


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_an_error_about_the_request_passes_without_the_credential(metering: Metering, status: int) -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in CREDENTIAL)
    text = json.dumps(openai_error(f"no {CREDENTIAL} and ESCAPED")).replace("ESCAPED", escaped).encode()
    cut = text.index(b"credential") + 5
    headers = {**JSON, "transfer-encoding": "chunked", "x-key": f"a {CREDENTIAL}", "request-id": "r1"}
    script = [Send(head(status, headers)), chunk(text[:cut]), chunk(text[cut:]), chunk(b"")]
    reply = await answered(metering, script)
    assert (reply.status, reply.headers["request-id"]) == (status, "r1")
    assert (reply.json["error"]["message"], reply.headers["x-key"]) == ("no [redacted] and [redacted]", "a [redacted]")


@pytest.mark.parametrize(("status", "code"), [(400, None), (401, "provider_unavailable")])
async def test_a_compressed_error_is_read(metering: Metering, status: int, code: str | None) -> None:
    """Seen to fail while the module waited for the trailers that Envoy adds to what it decompresses: the call hung."""
    body = gzip.compress(json.dumps(openai_error("no")).encode())
    reply = await answered(metering, answer(body, status, {**JSON, "content-encoding": "gzip"}))
    assert (reply.status, reply.json["error"]["code"]) == (status if code is None else 502, code)


@pytest.mark.parametrize(
    "script",
    [
        answer(b"<html>gateway</html>", headers={"content-type": "text/html"}),
        answer(b"upstream error: connection", headers={"content-type": "text/plain"}),
        answer(b"", headers=JSON),
        answer(b"", 204),
        [Send(head(200, {**JSON, "transfer-encoding": "chunked"})), chunk(b"")],
    ],
)
async def test_a_success_that_is_no_answer_is_refused(metering: Metering, script: Script) -> None:
    reply = await answered(metering, script)
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_error")


async def test_an_error_inside_choices_is_free(metering: Metering) -> None:
    body = {"choices": [{"error": {"code": 502, "message": "no"}, "message": {"content": ""}}]}
    assert (await answered(metering, json_answer(body))).status == 200


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failure_of_the_provider_passes(metering: Metering, status: int) -> None:
    reply = await answered(metering, json_answer(openai_error("try later"), status, {"retry-after": "120"}))
    assert (reply.status, reply.json["error"]["message"]) == (status, "try later")
    assert reply.headers["x-should-retry"] == "false"
