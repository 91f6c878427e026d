"""What attacks leave behind: nothing that a caller sends becomes a line of a log of its own, and no secret is written anywhere.

These tests come last in the folder, after all attacks, and look at everything that the stack wrote.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Post, chat, wait_settled
from tests.support.attacks import secrets_shown
from tests.support.attacks.raw_http import exchange
from tests.support.data.tenants import Tenant

FORGED: Final = '{"level":"error","message":"FORGED-LINE"}'
WRITTEN_BY_ATTACKERS: Final = "FORGED-LINE"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024


def written(stack: Stack) -> Iterator[tuple[Path, bytes]]:
    """Yields every file of logs, journal and Envoy that the stack wrote."""
    for folder in (stack.home.logs, stack.home.journal_file.parent, stack.home.envoy):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.stat().st_size <= MAX_FILE_BYTES:
                yield file, file.read_bytes()


HEADERS: Final = (
    "user-agent",
    "referer",
    "x-request-id",
    "x-forwarded-for",
    "traceparent",
    "accept-language",
    "origin",
    "cookie",
)
INJECTED: Final = {
    "LF": f"a\n{FORGED}",
    "CRLF": f"a\r\n{FORGED}",
    "CR": f"a\r{FORGED}",
    "escaped": f"a\\n{FORGED}",
    "percent": f"a%0a{FORGED}",
    "NUL": f"a\x00{FORGED}",
    "line separator": f"a\u2028{FORGED}",
    "terminal codes": f"a\x1b[2K\x1b[1A{FORGED}",
}


@pytest.mark.parametrize("text", INJECTED.values(), ids=INJECTED)
@pytest.mark.parametrize("door", ["model", "admin"])
async def test_a_header_writes_no_line_of_its_own(stack: Stack, tenant: Tenant, door: str, text: str) -> None:
    port = stack.ports.model if door == "model" else stack.ports.admin
    body = json.dumps(chat()).encode()
    path = "/v1/chat/completions" if door == "model" else f"/v1/organizations/{tenant.organization}/apiKeys"
    for header in HEADERS:
        head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        lines = f"authorization: Bearer {tenant.key}\r\n{header}: {text}\r\n\r\n"
        await exchange(port, (head + lines).encode() + body)
    assert_no_forged_line(stack)


@pytest.mark.parametrize("text", INJECTED.values(), ids=INJECTED)
async def test_a_body_or_model_writes_no_line_of_its_own(stack: Stack, post: Post, text: str) -> None:
    for body in (chat(model=text), chat(user=text), chat(messages=[{"role": text, "content": text}]), {text: 1}):
        await post(body)
    assert_no_forged_line(stack)


@pytest.mark.parametrize("text", INJECTED.values(), ids=INJECTED)
async def test_a_name_with_control_characters_is_refused_or_written_escaped(
    stack: Stack, session: aiohttp.ClientSession, text: str
) -> None:
    """A name that is accepted has no control character."""
    environment = stack.environment
    headers = {"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"}
    url = f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{environment['MEGAROUTER_ORGANIZATION']}"
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("groups", {"displayName": text}),
        ("apiKeys", {"displayName": text}),
        ("invites", {"role": "ROLE_MEMBER", "email": f"{text}@example.org"}),
        ("serviceAccounts", {"displayName": text}),
        ("creditBalance:topUp", {"amountNanoCredits": "1", "reason": text, "requestId": str(uuid.uuid4())}),
        ("creditBalance:topUp", {"amountNanoCredits": "1", "requestId": text}),
    ]
    for path, body in attempts:
        async with session.post(f"{url}/{path}", json=body, headers=headers) as response:
            answer = await response.json()
        secrets_shown.remember(*(answer[name] for name in ("secret", "token") if answer.get(name)))
        if response.status == 200:
            assert text.isprintable() or "reason" in body, (path, text)
    assert_no_forged_line(stack)


def assert_no_forged_line(stack: Stack) -> None:
    """Asserts that no line of a log begins with what an attacker sent, and none has raw terminal codes."""
    for file in sorted(stack.home.logs.iterdir()):
        for line in file.read_bytes().split(b"\n"):
            assert not line.lstrip(b"\r").startswith(FORGED.encode()), (file, line)
            assert WRITTEN_BY_ATTACKERS.encode() not in line or (b"\r" not in line and b"\x1b" not in line), (
                file,
                line,
            )


async def test_no_secret_that_was_sent_is_in_anything_written(stack: Stack, post: Post, tenant: Tenant) -> None:
    assert (await post()).status == 200
    await wait_settled(tenant, 1)
    secrets = {secret.encode() for secret in secrets_shown.remembered()}
    secrets.add(stack.environment["MEGAROUTER_ADMIN_TOKEN"].encode())
    found: list[str] = []
    seen_bytes = 0
    for file, content in written(stack):
        seen_bytes += len(content)
        found += [f"{file.name}: {secret[:8].decode()}" for secret in secrets if secret in content]
    assert found == []
    assert seen_bytes > 10_000


async def test_no_secret_that_was_sent_is_in_the_database(database: asyncpg.Pool, stack: Stack) -> None:
    """Neither in a row of any table nor in the answers that are kept for repeated requests."""
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    secrets = sorted(secrets_shown.remembered() | {stack.environment["MEGAROUTER_ADMIN_TOKEN"]})
    found = []
    for (table,) in tables:
        rows = await database.fetchval(
            f"SELECT count(*) FROM {table} t, unnest($1::text[]) AS secret"  # noqa: S608
            " WHERE strpos(t::text, secret) > 0 OR strpos(t::text, encode(convert_to(secret, 'UTF8'), 'hex')) > 0",
            secrets,
        )
        found += [table] * bool(rows)
    assert found == []


def test_the_files_of_every_service_are_searched(stack: Stack) -> None:
    files = {file.name for file, _ in written(stack)}
    assert {"envoy.log", "authz_service.log", "admin_service.log", "usage_service.log", "postgres.log"} <= files
