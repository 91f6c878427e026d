"""Files are uploaded for free, and belong to the member who uploaded them."""

import uuid
from typing import Any

import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.calls.stored_objects import name_of
from tests.e2e.metering.cases import CHAT, MESSAGES, RESPONSES
from tests.e2e.metering.responses import answered
from tests.e2e.metering.stored.other_members import colleague, stranger
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import answer, json_answer
from usage_service.stored_objects import registrations
from usage_service.stored_objects.registrations import Registration

FILES = "/v1/files"
BOUNDARY = "----boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
ANTHROPIC = {"anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14,unknown-2025-01-01"}
CONTENT = bytes(range(256)) * 8


def form(purpose: str | None = "user_data", name: str = "file", content: bytes = CONTENT) -> bytes:
    parts = []
    if purpose is not None:
        parts.append(b'content-disposition: form-data; name="purpose"\r\n\r\n' + purpose.encode())
    head = f'content-disposition: form-data; name="{name}"; filename="a.pdf"\r\ncontent-type: application/pdf\r\n\r\n'
    parts.append(head.encode() + content)
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts)
    return body + f"--{BOUNDARY}--\r\n".encode()


def identifier() -> str:
    return f"file-{uuid.uuid4().hex}"


async def upload(metering: Metering, file_id: str, headers: dict[str, str] | None = None, **parts: Any) -> Reply:
    metering.upstream.answer(json_answer({"id": file_id, "object": "file", "bytes": len(CONTENT)}))
    return await metering.call(form(**parts), FILES, headers={**FORM, **(headers or {})})


async def about(metering: Metering, file_id: str, method: str = "GET", suffix: str = "", **headers: str) -> Reply:
    return await metering.call(b"", f"{FILES}/{file_id}{suffix}", method=method, headers=headers)


async def test_an_upload_is_forwarded_and_free(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=0)
    file_id = identifier()
    assert (await upload(metering, file_id)).status == 200
    (request,) = metering.upstream.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/files", form())
    assert request.header("authorization") == "Bearer credential-of-openai"
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (0, "none", "completed")
    assert charged.record["endpoint"] == "openai_files"


async def test_anthropic_s_headers_choose_anthropic(metering: Metering) -> None:
    file_id = f"file_{uuid.uuid4().hex}"
    reply = await upload(metering, file_id, ANTHROPIC, purpose=None)
    assert (reply.status, reply.headers["x-megarouter-removed-betas"]) == (200, "unknown-2025-01-01")
    metering.upstream.answer(json_answer({"id": file_id}))
    assert (await about(metering, file_id, **ANTHROPIC)).status == 200
    for request in metering.upstream.requests:
        assert request.header("x-api-key") == "credential-of-anthropic"
        assert request.header("anthropic-beta") == "files-api-2025-04-14"
    assert (await about(metering, file_id)).status == 404, "it is no file of OpenAI"


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("GET", "/content"), ("DELETE", "")], ids=["retrieve", "download", "delete"]
)
async def test_the_owner_may_do_what_another_member_and_organization_may_not(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack, method: str, suffix: str
) -> None:
    file_id = identifier()
    await upload(metering, file_id)
    await metering.charged()
    for other in (await stranger(metering, metered_database, metered_stack), await colleague(metering, metered_stack)):
        reply = await about(other, file_id, method, suffix)
        assert (reply.status, reply.json["error"]["code"]) == (404, "stored_object_not_found")
    assert len(metering.upstream.requests) == 1
    metering.upstream.answer(json_answer({"id": file_id, "object": "file"}))
    assert (await about(metering, file_id, method, suffix)).status == 200
    request = metering.upstream.requests[-1]
    assert (request.method, request.path) == (method, f"/v1/files/{file_id}{suffix}")


async def test_content_passes_as_it_is(metering: Metering) -> None:
    file_id = identifier()
    await upload(metering, file_id)
    metering.upstream.answer(answer(CONTENT, 200, {"content-type": "application/octet-stream"}))
    reply = await about(metering, file_id, suffix="/content")
    assert (reply.status, reply.body) == (200, CONTENT)
    metering.upstream.answer(answer(b"", 200, {"content-type": "text/plain"}))
    assert (await about(metering, file_id, suffix="/content")).body == b""


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_a_file_passes_in_a_call_of_its_owner_only(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack, path: str
) -> None:
    file_id = identifier()
    await upload(metering, file_id, ANTHROPIC if path == MESSAGES else None, purpose="user_data")
    await metering.charged()
    body = naming(path, file_id)
    for other in (await stranger(metering, metered_database, metered_stack), await colleague(metering, metered_stack)):
        assert (await other.call(body, path)).status == 404
    assert len(metering.upstream.requests) == 1
    metering.upstream.answer(json_answer(answered("resp_1") if path == RESPONSES else {"id": "x", "usage": {}}))
    assert (await metering.call(body, path)).status == 200
    charged = await metering.charged(2)
    assert charged.hold_nano_credits >= WINDOW_NANO_CREDITS[path], "a file may fill the context window"


WINDOW_NANO_CREDITS = {CHAT: 128_000 * 2_500, RESPONSES: 400_000 * 1_250, MESSAGES: 200_000 * 1_000}
"""What the context window costs with the models of `naming`."""


def naming(path: str, file_id: str) -> dict[str, Any]:
    if path == CHAT:
        part = {"type": "file", "file": {"file_id": file_id}}
        return {"model": "gpt-4o", "max_tokens": 10, "messages": [{"role": "user", "content": [part]}]}
    if path == RESPONSES:
        part = {"type": "input_file", "file_id": file_id}
        return {"model": "gpt-5", "max_output_tokens": 16, "input": [{"role": "user", "content": [part]}]}
    part = {"type": "document", "source": {"type": "file", "file_id": file_id}}
    return {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": [part]}]}


async def register(metering: Metering, provider: str, file_id: str) -> None:
    """Lets every member of the organization name a file, as the operator does."""
    registration = Registration(provider, name_of("file", file_id), metering.tenant.organization, None)
    async with metering.tenant.database.acquire() as connection:
        await registrations.register(connection, registration, None)


async def test_a_registered_file_is_read_but_not_deleted(metering: Metering) -> None:
    file_id = identifier()
    await register(metering, "openai", file_id)
    metering.upstream.answer(json_answer({"id": file_id}))
    assert (await about(metering, file_id)).status == 200
    assert (await about(metering, file_id, "DELETE")).status == 404
    assert len(metering.upstream.requests) == 1


async def test_a_registered_file_of_gemini_has_its_own_path(metering: Metering) -> None:
    await register(metering, "google", "files/abc-123")
    metering.upstream.answer(json_answer({"name": "files/abc-123"}))
    assert (await metering.call(b"", "/v1beta/files/abc-123", method="GET")).status == 200
    assert metering.upstream.requests[-1].path == "/v1beta/files/abc-123"
    reply = await metering.call(b"", "/v1beta/files/other", method="GET")
    assert (reply.status, reply.json["error"]["status"]) == (404, "NOT_FOUND")


async def test_a_compatible_api_has_no_files(metering: Metering) -> None:
    """Anthropic and Google answer OpenAI's chat, but not OpenAI's files."""
    await register(metering, "anthropic", "file_x")
    assert (await about(metering, "file_x")).status == 404
    assert not metering.upstream.requests


async def test_a_deletion_ends_the_binding(metering: Metering) -> None:
    file_id = identifier()
    await upload(metering, file_id)
    await metering.charged()
    metering.upstream.answer(json_answer({"id": file_id, "deleted": True}))
    assert (await about(metering, file_id, "DELETE")).status == 200
    left = "SELECT expire_time <= now() + interval '5 minutes' FROM stored_objects WHERE object_id = $1"
    assert await metering.tenant.database.fetchval(left, file_id)


@pytest.mark.parametrize("purpose", ["batch", "fine-tune", "evals", "x", None])
async def test_a_purpose_that_nothing_serves_is_refused(metering: Metering, purpose: str | None) -> None:
    reply = await metering.call(form(purpose), FILES, headers=FORM)
    assert (reply.status, reply.json["error"]["param"]) == (400, "purpose")
    assert not metering.upstream.requests


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (form(name="files"), FORM),
        (form()[:-10], FORM),
        (b'{"purpose": "user_data"}', {"content-type": "application/json"}),
        (b"", FORM),
    ],
)
async def test_what_is_no_upload_is_refused(metering: Metering, body: bytes, headers: dict[str, str]) -> None:
    for more in ({}, ANTHROPIC):
        assert (await metering.call(body, FILES, headers={**headers, **more})).status == 400
    assert not metering.upstream.requests


async def test_uploads_count_against_request_limits(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", requests_per_minute=1)
    assert (await upload(metering, identifier())).status == 200
    assert (await upload(metering, identifier())).status == 429


async def test_an_upload_needs_a_model_of_its_provider(metering: Metering) -> None:
    await metering.tenant.guard("organization", "", model_whitelist=["gpt-4o"])
    assert (await upload(metering, identifier())).status == 200
    assert (await upload(metering, identifier(), ANTHROPIC, purpose=None)).status == 403


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/v1/files", "files of all organizations"),
        ("GET", "/v1beta/files", "files of all organizations"),
        ("POST", "/upload/v1beta/files", "several requests"),
        ("POST", "/v1/uploads", "several requests"),
        ("POST", "/v1/batches", "ends after the call"),
        ("POST", "/v1/conversations", "share the gateway's account"),
    ],
)
async def test_what_is_not_served_says_why(metering: Metering, method: str, path: str, words: str) -> None:
    reply = await metering.call(b"", path, method=method)
    assert (reply.status, words in reply.text) == (404, True)
    assert not metering.upstream.requests
