"""Browsers of the listed origins may call models."""

from tests.e2e.conftest import CONSOLE_ORIGIN, chat
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import json_answer

PATH = "/v1/chat/completions"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
ALLOWED = "access-control-allow-origin"


async def preflight(metering: Metering, origin: str) -> Reply:
    headers = {
        "authorization": "",
        "content-type": "",
        "content-length": "",
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    return await metering.call(b"", PATH, method="OPTIONS", headers=headers)


async def test_a_preflight_of_a_listed_origin_is_answered_without_a_key(metering: Metering) -> None:
    reply = await preflight(metering, CONSOLE_ORIGIN)
    assert (reply.status, reply.headers[ALLOWED]) == (200, CONSOLE_ORIGIN)
    assert reply.headers["access-control-allow-headers"] == "authorization,*"
    assert reply.headers["access-control-allow-methods"] == "GET,HEAD,POST"
    assert "access-control-allow-credentials" not in reply.headers
    assert not metering.upstream.requests


async def test_other_origins_get_no_permission(metering: Metering) -> None:
    reply = await preflight(metering, "https://elsewhere.example")
    assert ALLOWED not in reply.headers
    assert reply.status == 404


async def test_answers_and_errors_carry_the_permission(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"model": "gpt-4o-mini", "choices": [], "usage": USAGE}))
    reply = await metering.call(chat(), headers={"origin": CONSOLE_ORIGIN})
    assert (reply.status, reply.headers[ALLOWED]) == (200, CONSOLE_ORIGIN)
    assert reply.headers["access-control-expose-headers"] == "*"
    (request,) = metering.upstream.requests
    assert request.header("origin") is None
    refused = await metering.call(chat(model="none"), headers={"origin": CONSOLE_ORIGIN})
    assert (refused.status, refused.headers[ALLOWED]) == (404, CONSOLE_ORIGIN)
    foreign = await metering.call(chat(model="none"), headers={"origin": "https://elsewhere.example"})
    assert ALLOWED not in foreign.headers
