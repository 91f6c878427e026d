"""The secret between Envoy and admin_service is replaced while calls run: admin_service knows each caller's address throughout."""

import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest
from megarouter_envoy.clusters.credentials import write_secret_file

from deploy.local.stack import secrets
from deploy.local.supervision.embedded_stack import Stack
from tests.support.ports import free_port_base

OLD, NEW, UNKNOWN = "0a" * 32, "0b" * 32, "0c" * 32
NOTICED_WITHIN_S = 5.0
LOAD_S = 2.0


class Creator:
    """Creates API keys through Envoy, and reads from which address each was created."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, owner: asyncpg.Connection) -> None:
        environment = stack.environment
        self._url = f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{environment['MEGAROUTER_ORGANIZATION']}/apiKeys"
        self._headers = {"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"}
        self._session, self._owner, self._numbers = session, owner, itertools.count()

    async def create(self) -> str:
        body = {"displayName": f"Key {next(self._numbers)}"}
        async with self._session.post(self._url, json=body, headers=self._headers) as response:
            assert response.status == 200, await response.text()
        return str(await self._owner.fetchval("SELECT address FROM audit_log ORDER BY sequence DESC LIMIT 1"))

    async def create_for(self, seconds: float) -> set[str]:
        """Creates keys one after the other, and returns the addresses."""
        found = set()
        end_s = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end_s:
            found.add(await self.create())
        return found


@pytest.fixture
async def rotating(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """A stack whose admin_service has got the new secret and still accepts the old one."""
    stack = Stack(tmp_path_factory.mktemp("edge"), free_port_base())
    stack.home.directory.mkdir(exist_ok=True)
    made = dataclasses.replace(secrets.new_secrets(), edge_secret=NEW, previous_edge_secret=OLD)
    monkeypatch.setattr(secrets, "new_secrets", lambda: made)
    secrets.load_or_make_secrets(stack.home)
    with stack:
        yield stack


@pytest.mark.timeout(120)
async def test_the_edge_secret_is_replaced_while_calls_run(rotating: Stack, session: aiohttp.ClientSession) -> None:
    owner = await asyncpg.connect(rotating.environment["MEGAROUTER_DATABASE_URL"])
    try:
        creator = Creator(rotating, session, owner)
        for secret in (OLD, NEW):
            write_secret_file(rotating.home.envoy_files.edge_secret_file, secret)
            assert await creator.create_for(LOAD_S) == {"127.0.0.1"}
        # What Envoy reads is what counts: a secret that admin_service does not know proves nothing.
        write_secret_file(rotating.home.envoy_files.edge_secret_file, UNKNOWN)
        async with asyncio.timeout(NOTICED_WITHIN_S):
            while await creator.create() == "127.0.0.1":
                await asyncio.sleep(0.05)
    finally:
        await owner.close()
