"""A home of an earlier release is started with the present programs: everything in it is there, and works."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.faults.load import chat, chat_stream, content, message_stream
from tests.support.faults.recovery import FIGURES
from tests.support.faults.sums import run_audit
from tests.support.ports import free_port_base
from tests.support.upgrades.releases import Release, ReleasedStack

CALLS = 40
UNSETTLED_CALLS = 5
ORGANIZATION = "organizations/acme"
LISTS = {
    f"{ORGANIZATION}/{name}": field
    for name, field in {
        "apiKeys": "api_keys",
        "members": "members",
        "groups": "groups",
        "guardrails": "guardrails",
        "invites": "invites",
        "creditTransactions": "credit_transactions",
        "auditLogEntries": "audit_log_entries",
    }.items()
}
SETTLED_WITHIN_S = 30.0
PAGE = 200


class Caller:
    """Calls models and the admin API of a running stack as one person."""

    def __init__(self, session: aiohttp.ClientSession, environment: dict[str, str]) -> None:
        self._session = session
        self._models = environment["MEGAROUTER_BASE_URL"]
        self._admin = environment["MEGAROUTER_ADMIN_URL"]

    async def call(self, key: str, number: int) -> int:
        path, body, headers = (chat, chat_stream, message_stream, content)[number % 4](f"Question {number}.")
        headers = {**headers, "authorization": f"Bearer {key}"}
        async with self._session.post(self._models + path, json=body, headers=headers) as response:
            await response.read()
            return response.status

    async def get(self, token: str, path: str) -> dict[str, Any]:
        async with self._session.get(f"{self._admin}/v1/{path}", headers=_bearer(token)) as response:
            assert response.status == 200, f"{path}: {await response.text()}"
            answer: dict[str, Any] = await response.json()
            return answer

    async def create_key(self, token: str) -> dict[str, Any]:
        url = f"{self._admin}/v1/{ORGANIZATION}/apiKeys"
        body = {"member": f"{ORGANIZATION}/members/emma", "display_name": "Made before the upgrade"}
        params = {"api_key_id": "made-before"}
        async with self._session.post(url, json=body, params=params, headers=_bearer(token)) as response:
            assert response.status == 200, await response.text()
            made: dict[str, Any] = await response.json()
            return made

    async def listed(self, token: str) -> dict[str, list[str]]:
        """Returns the names in every list."""
        pages = {path: await self.get(token, f"{path}?page_size={PAGE}") for path in LISTS}
        return {path: sorted(entry["name"] for entry in pages[path].get(field, [])) for path, field in LISTS.items()}


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def records(database_url: str) -> dict[str, int]:
    """Returns the charge of every call of the organization."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT request_id, charge_nano_credits FROM usage_records WHERE organization_id = 'acme'"
        )
    finally:
        await connection.close()
    return {row["request_id"]: row["charge_nano_credits"] for row in rows}


async def until_recorded(database_url: str, count: int) -> dict[str, int]:
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while len(found := await records(database_url)) < count:
            await asyncio.sleep(0.1)
    return found


@pytest.mark.timeout(900)
async def test_a_home_of_a_release_comes_up_with_everything_in_it(
    release: Release, session: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, port_base = tmp_path_factory.mktemp("upgraded"), free_port_base()
    home.chmod(0o700)
    old = ReleasedStack(release, home, port_base, {})
    await asyncio.to_thread(old.start)
    try:
        environment, demo = old.environment, old.demo
        token, key = demo["admin_token"], demo["api_keys"][0]["key"]
        before = Caller(session, environment)
        made = await before.create_key(token)
        secrets = [key, made["secret"]]
        statuses = [await before.call(secrets[number % 2], number) for number in range(CALLS)]
        assert set(statuses) == {200}
        charged = await until_recorded(environment["MEGAROUTER_DATABASE_URL"], CALLS)
        names = await before.listed(token)
        # Reports that only the journal has: the old usage_service gets no further.
        old.signal("usage_service", signal.SIGSTOP)
        statuses = [await before.call(key, number) for number in range(UNSETTLED_CALLS)]
        assert set(statuses) == {200}
    finally:
        await asyncio.to_thread(old.stop)
    stack = Stack(home, port_base)
    try:
        await asyncio.to_thread(stack.start)
        database_url, redis_url = (
            stack.environment[name] for name in ("MEGAROUTER_DATABASE_URL", "MEGAROUTER_REDIS_URL")
        )
        after = Caller(session, stack.environment)
        present = await after.listed(token)
        missing = {path: [name for name in names[path] if name not in present[path]] for path in names}
        assert {path: lost for path, lost in missing.items() if lost} == {}
        recovered = await until_recorded(database_url, CALLS + UNSETTLED_CALLS)
        assert {call: recovered[call] for call in charged} == charged
        statuses = [await after.call(secrets[number % 2], number) for number in range(CALLS)]
        assert set(statuses) == {200}
        assert len(await until_recorded(database_url, 2 * CALLS + UNSETTLED_CALLS)) == 2 * CALLS + UNSETTLED_CALLS
        await asyncio.sleep(0.5)
        await run_audit(database_url, redis_url)
    finally:
        await asyncio.to_thread(stack.stop)
    FIGURES.notes.append(
        f"from {release.version}: {sum(map(len, names.values()))} entries of {len(names)} lists, {CALLS} settled calls and"
        f" {UNSETTLED_CALLS} in the journal came over; {CALLS} calls afterwards with keys made before"
    )
