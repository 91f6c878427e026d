"""Bad input gets a JSON error in the caller's dialect that says what to do, and never reaches a provider."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway_core.model.organization.bearer_secrets import API_KEY
from tests.e2e.conftest import Post, Reply, Witness, chat
from tests.support.data.tenants import CREDIT, Tenant, make_tenant

Refuses = Callable[..., Awaitable[None]]

MESSAGES_BODY = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
CONTENT_BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "gemini": GENERATE}
BODIES = {"openai": chat(), "anthropic": MESSAGES_BODY, "gemini": CONTENT_BODY}


def error_of(dialect: str, reply: Reply) -> dict[str, Any]:
    """Returns the error of a reply. Asserts that it has the shape that the dialect's SDK parses."""
    assert reply.headers["content-type"] == "application/json"
    document = reply.json
    error = document["error"]
    assert isinstance(error["message"], str)
    assert len(error["message"]) > 20
    if dialect == "openai":
        assert {"message", "type", "param", "code"} <= error.keys()
    elif dialect == "anthropic":
        assert document["type"] == "error"
        assert isinstance(error["type"], str)
    else:
        assert error["code"] == reply.status
        assert error["status"].isupper()
    return dict(error)


@pytest.fixture
def refuses(post: Post, witness: Witness, tenant: Tenant) -> Refuses:
    """Returns a function that posts a bad call, and asserts that it is refused, reaches no provider, and leaves no hold."""

    async def refuses(status: int, code: str | None, *arguments: Any, dialect: str = "openai", **options: Any) -> None:
        before = await witness.last_sequence()
        reply = await post(*arguments, path=options.pop("path", PATHS[dialect]), **options)
        assert reply.status == status, reply.text
        error = error_of(dialect, reply)
        if code is not None and dialect == "openai":
            assert error["code"] == code, reply.text
        assert await witness.last_sequence() == before
        assert sum(record["charge_nano_credits"] for record in await tenant.records()) == 0

    return refuses


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_missing_key_is_refused_in_the_callers_dialect(refuses: Refuses, dialect: str) -> None:
    await refuses(401, "missing_api_key", BODIES[dialect], dialect=dialect, key=None)


@pytest.mark.parametrize("dialect", PATHS)
async def test_an_unknown_key_is_refused_in_the_callers_dialect(refuses: Refuses, dialect: str) -> None:
    await refuses(401, "invalid_api_key", BODIES[dialect], dialect=dialect, key=API_KEY.make(b"?" * 32))


async def test_a_deleted_key_and_one_that_never_existed_get_the_same_error(
    post: Post, tenant: Tenant, database: asyncpg.Pool
) -> None:
    unknown = await post(key=API_KEY.make(b"?" * 32))
    await database.execute("UPDATE api_keys SET state = 'DELETED' WHERE organization_id = $1", tenant.organization)
    async with asyncio.timeout(30):
        while (deleted := await post(key=tenant.key)).status != 401:
            await asyncio.sleep(0.05)
    assert (unknown.status, unknown.text) == (deleted.status, deleted.text)


async def test_a_malformed_key_is_refused_with_the_advice_to_copy_all_of_it(post: Post) -> None:
    malformed = await post(key="mr-nonsense")
    assert (malformed.status, "copied all of it" in malformed.text) == (401, True)


async def test_a_key_in_the_query_is_ignored(refuses: Refuses, tenant: Tenant) -> None:
    await refuses(401, "missing_api_key", path=f"/v1/chat/completions?key={tenant.key}", key=None)


async def test_two_conflicting_keys_are_refused(refuses: Refuses) -> None:
    await refuses(401, "conflicting_api_keys", headers=[("x-api-key", API_KEY.make(b"!" * 32))])


async def test_two_authorization_headers_are_refused(refuses: Refuses, tenant: Tenant) -> None:
    await refuses(401, "conflicting_api_keys", headers=[("authorization", f"Bearer {tenant.key}")])


async def test_a_disabled_key_is_refused_as_disabled(refuses: Refuses, tenant: Tenant, database: asyncpg.Pool) -> None:
    await database.execute("UPDATE api_keys SET state = 'DISABLED' WHERE organization_id = $1", tenant.organization)
    await refuses(401, "key_disabled")


async def test_an_expired_key_is_refused_as_expired(refuses: Refuses, tenant: Tenant, database: asyncpg.Pool) -> None:
    await database.execute("UPDATE api_keys SET expire_time = now() WHERE organization_id = $1", tenant.organization)
    await refuses(401, "key_expired")


async def test_a_key_of_a_suspended_member_is_refused_as_suspended(
    refuses: Refuses, tenant: Tenant, database: asyncpg.Pool
) -> None:
    await database.execute("UPDATE members SET state = 'SUSPENDED' WHERE organization_id = $1", tenant.organization)
    await refuses(403, "member_suspended")


async def test_a_model_off_the_whitelist_is_refused(refuses: Refuses, tenant: Tenant) -> None:
    await tenant.guard("api_key", "key-1", model_whitelist=["gpt-4o"])
    await refuses(403, "model_not_allowed", chat(model="gpt-4o-mini"))


async def test_an_unknown_model_is_refused(refuses: Refuses) -> None:
    await refuses(404, "model_not_found", chat(model="gpt-imaginary"))


@pytest.mark.parametrize(
    "model", ["", " ", "../gpt-4o", "gpt-4o\u0000", "GPT-4O-MINI", "x" * 10_000, "gpt-4o-m\u0456ni"]
)
async def test_strange_model_names_are_refused(post: Post, witness: Witness, model: str) -> None:
    before = await witness.last_sequence()
    reply = await post(chat(model=model))
    assert reply.status in {400, 404}, reply.text
    error_of("openai", reply)
    assert await witness.last_sequence() == before


@pytest.mark.parametrize("model", [None, 5, True, ["gpt-4o"], {"name": "gpt-4o"}])
async def test_a_model_that_is_not_a_string_is_refused(refuses: Refuses, model: object) -> None:
    await refuses(400, None, chat(model=model))


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"model": "gpt-4o-mini"',
        json.dumps(chat()).encode()[:-5],
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b'\xef\xbb\xbf{"model": "gpt-4o-mini"}',
        '{"model": "gpt-4o-mini"}'.encode("utf-16"),
        b'{"model": "gpt-4o-mini", "n": NaN}',
        b'{"model": "gpt-4o-mini", "user": "\\ud800"}',
        json.dumps(chat()).encode() + b"{}",
        json.dumps(chat()).encode() + b" x",
        b'{"model": "gpt-4o-mini", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_an_unreadable_body_is_refused(refuses: Refuses, dialect: str, body: bytes) -> None:
    await refuses(400, None, body, dialect=dialect)


@pytest.mark.parametrize("dialect", PATHS)
async def test_an_oversized_body_is_refused(refuses: Refuses, dialect: str) -> None:
    await refuses(413, None, b'{"model": "' + b"x" * (33 * 1024 * 1024) + b'"}', dialect=dialect)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", None],
)
async def test_a_wrong_content_type_is_refused(refuses: Refuses, content_type: str | None) -> None:
    await refuses(400, "unsupported_content_type", content_type=content_type)


async def test_a_json_content_type_with_parameters_is_accepted(post: Post) -> None:
    assert (await post(content_type="Application/JSON; charset=utf-8")).status == 200


async def test_a_compressed_body_is_refused(refuses: Refuses) -> None:
    body = gzip.compress(json.dumps(chat()).encode())
    await refuses(400, "unsupported_content_encoding", body, headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "gpt-4o-mini", "model": "gpt-4o", "messages": []}',
        b'{"model": "gpt-4o-mini", "mod\\u0065l": "gpt-4o", "messages": []}',
        b'{"mod\\u0065l": "gpt-4o-mini", "messages": []}',
        b'{"model": "gpt-4o-mini", "stream": false, "stream": true, "messages": []}',
        b'{"model": "gpt-4o-mini", "max_tokens": 1, "max_tokens": 100000, "messages": []}',
        b'{"model": "gpt-4o-mini", "n": 1, "n": 100, "messages": []}',
    ],
)
async def test_a_repeated_or_escaped_json_key_is_refused(refuses: Refuses, body: bytes) -> None:
    await refuses(400, None, body)


@pytest.mark.parametrize("value", [-1, 1.5, "10", True, 10**18, 10**30, 1e300, []])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n"])
async def test_an_absurd_limit_is_refused(refuses: Refuses, field: str, value: object) -> None:
    await refuses(400, None, chat(**{field: value}))


@pytest.mark.parametrize("value", [-1, 1.5, "10", 10**18])
async def test_an_absurd_limit_is_refused_in_gemini(refuses: Refuses, value: object) -> None:
    await refuses(400, None, {**CONTENT_BODY, "generationConfig": {"maxOutputTokens": value}}, dialect="gemini")


async def test_a_stream_flag_that_is_not_a_boolean_is_refused(refuses: Refuses) -> None:
    await refuses(400, "invalid_parameter", chat(stream="true"))


async def test_a_response_in_the_background_is_refused(refuses: Refuses) -> None:
    body = {"model": "gpt-5", "input": "hi", "background": True}
    await refuses(400, "invalid_parameter", body, path="/v1/responses")


async def test_a_service_tier_without_a_price_is_refused(refuses: Refuses) -> None:
    await refuses(400, "invalid_parameter", chat(service_tier="scale"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/audio/voices"),
        ("POST", "/v1/images/variations"),
        ("POST", "/v1/chat/completions/extra"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models/gpt-4o"),
        ("POST", "/v1beta/models/gemini-2.5-flash:batchGenerateContent"),
        ("POST", "/v1beta/models/a%2Fb:generateContent"),
        ("POST", "/v1//chat/completions/../embeddings/x"),
        ("GET", "/"),
        ("GET", "/tally"),
        ("POST", "/v1/realtime"),
    ],
)
async def test_any_other_path_is_refused(
    base_url: str, session: aiohttp.ClientSession, witness: Witness, tenant: Tenant, method: str, path: str
) -> None:
    before = await witness.last_sequence()
    headers = {"authorization": f"Bearer {tenant.key}"}
    body = None if method == "GET" else chat()
    async with session.request(method, base_url + path, json=body, headers=headers) as response:
        assert 400 <= response.status < 500, await response.text()
    assert await witness.last_sequence() == before


async def test_internal_headers_from_a_client_are_removed(post: Post, witness: Witness) -> None:
    before = await witness.last_sequence()
    headers = [
        ("x-megarouter-cluster", "usage_service"),
        ("X-MegaRouter-Organization", "someone-else"),
        ("x-megarouter-hold", "v1.forged.forged"),
    ]
    assert (await post(headers=headers)).status == 200
    (call,) = await witness.calls_after(before)
    assert call["gateway_headers"] == []


async def test_an_internal_header_in_underscores_is_refused(post: Post) -> None:
    assert (await post(headers=[("x_megarouter_cluster", "usage_service")])).status == 400


async def test_the_callers_key_never_reaches_a_provider(post: Post, witness: Witness) -> None:
    before = await witness.last_sequence()
    assert (await post(headers=[("cookie", "session=1")])).status == 200
    (call,) = await witness.calls_after(before)
    assert [
        credential["header"] for credential in call["credentials"] if credential["header"] != "x-mock-provider"
    ] == []


async def test_a_body_arrives_unchanged_except_for_its_model(post: Post, witness: Witness) -> None:
    before = await witness.last_sequence()
    body = (
        b'{ "zeta":1.50, "model" : "gpt-oss-20b","messages":[{"role":"user","content":"\\u00e9 \xc3\xa9"}],'
        b'"big":9007199254740993 }'
    )
    assert (await post(body)).status == 200
    (call,) = await witness.calls_after(before)
    assert await witness.body_of(call["sequence"]) == body.replace(b'"gpt-oss-20b"', b'"openai/gpt-oss-20b"')


async def test_a_call_without_credit_is_refused(post: Post, database: asyncpg.Pool, pepper: bytes) -> None:
    poor = await make_tenant(database, pepper, amount_nano_credits=0)
    reply = await post(key=poor.key)
    assert (reply.status, reply.json["error"]["code"]) == (402, "credit_exhausted")
    assert reply.headers["x-should-retry"] == "false"
    await poor.top_up(CREDIT)
    async with asyncio.timeout(30):
        while (await post(key=poor.key)).status != 200:
            await asyncio.sleep(0.02)
