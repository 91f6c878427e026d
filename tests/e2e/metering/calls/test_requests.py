"""What of a request reaches the provider, and what is refused before it does."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

OPENAI_ANSWER = {
    "model": "gpt-4o",
    "choices": [],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
}
ANTHROPIC_ANSWER = {
    "type": "message",
    "model": "claude-haiku-4-5",
    "content": [],
    "usage": {"input_tokens": 12, "output_tokens": 3},
}
FOREIGN = {
    "cf-access-jwt-assertion": "x", "cookie": "a=b", "forwarded": "for=192.0.2.1", "idempotency-key": "x", "range": "bytes=0-1",
    "referer": "https://intranet.example/", "x-amzn-oidc-identity": "mia", "x-forwarded-for": "192.0.2.1",
    "x-forwarded-user": "mia", "x-goog-fieldmask": "candidates", "x-goog-iap-jwt-assertion": "x", "x-goog-request-params": "x",
    "x-http-method-override": "GET", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "a=b", "baggage": "user=mia",
    "x-a-header-of-tomorrow": "x", "openai-organization": "org", "x-stainless-lang": "python", "accept-language": "de",
}  # fmt: skip
ALWAYS = {"host", "content-type", "content-length", "user-agent", "accept", "x-request-id"}


def messages(**more: Any) -> dict[str, Any]:
    return {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}], **more}


async def refused(
    metering: Metering, status: int, body: object, path: str = "/v1/chat/completions", **more: Any
) -> Any:
    reply = await metering.call(body, path, **more)
    assert reply.status == status, reply.text
    assert metering.upstream.requests == []
    return reply.json["error"]


@pytest.mark.parametrize(
    ("path", "body", "added"),
    [
        ("/v1/chat/completions", chat(model="gpt-4o"), {"authorization"}),
        ("/v1/messages", messages(), {"x-api-key", "anthropic-version"}),
        ("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": []}, {"x-goog-api-key"}),
    ],
)
async def test_a_provider_receives_no_header_that_it_does_not_need(
    metering: Metering, path: str, body: dict[str, Any], added: set[str]
) -> None:
    metering.upstream.answer(json_answer(OPENAI_ANSWER))
    known = {"user-agent": "test/1", "accept": "*/*", "anthropic-version": "2023-06-01"}
    tags = {"x-tags": "project=search,list=a%2Cb"}
    reply = await metering.call(body, path, headers={**FOREIGN, **known, **tags})
    assert reply.status == 200, reply.text
    (request,) = metering.upstream.requests
    assert {name for name, _ in request.headers} == ALWAYS | added
    assert not any(metering.tenant.key in value for _, value in request.headers)
    assert json.loads((await metering.charged()).record["tags"]) == {"project": "search", "list": "a,b"}


async def test_trailers_of_a_request_do_not_go_on(metering: Metering) -> None:
    metering.upstream.answer(json_answer(OPENAI_ANSWER))
    content = json.dumps(chat(model="gpt-4o")).encode()
    chunks = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\nx-forwarded-user: mia\r\n\r\n"
    headers = {"content-length": "", "transfer-encoding": "chunked", "trailer": "x-forwarded-user"}
    assert (await metering.call(chunks, headers=headers)).status == 200
    (request,) = metering.upstream.requests
    assert request.body == content
    assert not {"trailer", "x-forwarded-user"} & {name for name, _ in request.headers}


async def test_listed_betas_go_on_and_the_caller_is_told_of_the_others(metering: Metering) -> None:
    metering.upstream.answer(json_answer(ANTHROPIC_ANSWER))
    flags = {"anthropic-beta": "interleaved-thinking-2025-05-14,a-flag-of-tomorrow", "openai-beta": "responses=v1"}
    reply = await metering.call(messages(), "/v1/messages?beta=true&alt=sse&key=x", headers=flags)
    assert (reply.status, reply.headers["x-megarouter-removed-betas"]) == (200, "a-flag-of-tomorrow")
    (request,) = metering.upstream.requests
    assert request.header("anthropic-beta") == "interleaved-thinking-2025-05-14"
    assert request.header("openai-beta") is None
    assert request.path == "/v1/messages?beta=true"


async def test_a_call_with_only_unlisted_betas_is_served_without_them(metering: Metering) -> None:
    metering.upstream.answer(json_answer(ANTHROPIC_ANSWER))
    reply = await metering.call(messages(), "/v1/messages", headers={"anthropic-beta": "a-flag-of-tomorrow"})
    assert reply.status == 200
    (request,) = metering.upstream.requests
    assert request.header("anthropic-beta") is None
    assert request.path == "/v1/messages"


@pytest.mark.parametrize("foreign", ["", "sk-ant-of-the-caller"])
async def test_our_key_counts_beside_a_foreign_one(metering: Metering, foreign: str) -> None:
    metering.upstream.answer(json_answer(ANTHROPIC_ANSWER))
    key = f"Bearer {metering.tenant.key}"
    content = messages()
    reply = await metering.call(content, "/v1/messages", headers={"authorization": key, "x-api-key": foreign or " "})
    assert reply.status == 200, reply.text
    (request,) = metering.upstream.requests
    assert request.header("x-api-key") == "credential-of-anthropic"


@pytest.mark.parametrize(
    ("path", "body", "parameter"),
    [
        ("/v1/messages", messages(fallbacks=[{"model": "claude-imaginary"}]), "model"),
        ("/v1/messages", messages(tools=[{"type": "a_tool_of_tomorrow"}]), "tools"),
        ("/v1/messages", messages(speed="of light"), "speed"),
        ("/v1/messages", messages(inference_geo="mars"), "inference_geo"),
        ("/v1/responses", {"model": "gpt-5", "input": "Hi", "tools": [{"type": "a_tool_of_tomorrow"}]}, "tools"),
        ("/v1/responses", {"model": "gpt-5", "input": "Hi", "service_tier": "imaginary"}, "service_tier"),
        ("/v1/responses", {"input": "Hi", "prompt": {"id": "pmpt_1"}}, "model"),
        ("/v1/chat/completions", chat(model="gpt-4o", modalities=["text", "audio"]), "modalities"),
    ],
)
async def test_what_has_no_price_is_refused_before_it_is_served(
    metering: Metering, path: str, body: dict[str, Any], parameter: str
) -> None:
    error = await refused(metering, 400, body, path)
    assert (
        f"'{parameter}'" in error["message"] or error.get("param") == parameter or "names the model" in error["message"]
    )


async def test_an_unknown_model_is_not_found(metering: Metering) -> None:
    error = await refused(metering, 404, chat(model="gpt-imaginary"))
    assert error["code"] == "model_not_found"
    error = await refused(metering, 404, messages(model="claude-imaginary"), "/v1/messages")
    assert error["type"] == "not_found_error"
    error = await refused(metering, 404, {"contents": []}, "/v1beta/models/gemini-imaginary:generateContent")
    assert error["status"] == "NOT_FOUND"


async def test_a_call_without_output_passes(metering: Metering) -> None:
    metering.upstream.answer(json_answer(ANTHROPIC_ANSWER))
    assert (await metering.call(messages(max_tokens=0), "/v1/messages")).status == 200


async def test_numbers_and_keys_that_decide_nothing_pass_unchanged(metering: Metering) -> None:
    metering.upstream.answer(json_answer(OPENAI_ANSWER))
    body = (
        b'{"model":"gpt-4o","messages":[],"us\\u0065r":"x","seed":1,"seed":1,"tools":[{"type":"function","function":'
        b'{"name":"f","parameters":{"type":"integer","maximum":18446744073709551615}}}]}'
    )
    assert (await metering.call(body)).status == 200
    (request,) = metering.upstream.requests
    assert request.body == body


async def test_a_picture_holds_what_a_picture_costs(metering: Metering) -> None:
    metering.upstream.answer(json_answer(ANTHROPIC_ANSWER))
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo" * 100_000}
    content = [{"type": "image", "source": source}]
    reply = await metering.call(messages(messages=[{"role": "user", "content": content}]), "/v1/messages")
    assert reply.status == 200
    assert (await metering.charged()).hold_nano_credits < 10_000_000


async def test_every_prompt_of_a_batch_is_held(metering: Metering) -> None:
    answer = {"choices": [], "usage": {"prompt_tokens": 60, "completion_tokens": 3}}
    held: list[int] = []
    for prompt in ("Hi", ["Hi"] * 20):
        metering.upstream.answer(json_answer(answer))
        body = {"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 1000}
        assert (await metering.call(body, "/v1/completions")).status == 200
        held.append((await metering.charged(calls=len(held) + 1)).hold_nano_credits)
    assert held[1] > 19 * held[0]
