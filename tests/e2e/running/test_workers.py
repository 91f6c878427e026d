"""`./dev up --workers N`: several processes decide on calls. Envoy distributes calls among them, and limits stay exact."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest

from deploy.local.cli.watch import take_sample
from deploy.local.stack.layout import process_name
from deploy.local.stack.state import Health
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat, wait_settled
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.ports import free_port_base

WORKERS = 3
LIMIT = 40
CALLS = 60
DECISIONS = {"authz": "megarouter_authz_decisions_total", "ratelimit": "megarouter_ratelimit_decisions_total"}


@pytest.fixture(scope="module")
async def spread(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("spread"), free_port_base(20), workers=WORKERS)
    await asyncio.to_thread(stack.start)
    yield stack
    await asyncio.to_thread(stack.stop)


@pytest.fixture
async def limited(spread: Stack) -> AsyncIterator[Tenant]:
    """Returns a tenant whose key has a limit of calls per minute."""
    pepper = bytes.fromhex(json.loads(spread.home.secrets_file.read_text(encoding="utf-8"))["key_pepper"])
    async with asyncpg.create_pool(spread.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4) as pool:
        tenant = await make_tenant(pool, pepper)
        await pool.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, requests_per_minute) VALUES ($1, 'api_key', $2, $3)",
            tenant.organization, tenant.key_id, LIMIT,
        )  # fmt: skip
        await asyncio.sleep(0.2)  # until every worker knows the limit
        yield tenant


async def call(session: aiohttp.ClientSession, stack: Stack, key: str) -> int:
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
    async with session.post(url, json=chat(), headers={"authorization": f"Bearer {key}"}) as response:
        await response.read()
        return response.status


def decisions(stack: Stack, service: str) -> dict[str, float]:
    """Returns the number of decisions that each worker of a service has made."""
    found: Counter[str] = Counter()
    for (name, labels), value in take_sample(stack.ports).figures[service].items():
        if name == DECISIONS[service]:
            found[dict(labels)["worker"]] += int(value)
    return dict(found)


@pytest.mark.timeout(180)
async def test_limits_and_charges_stay_exact_with_several_workers(
    spread: Stack, limited: Tenant, session: aiohttp.ClientSession
) -> None:
    """Seen to fail when Envoy's configuration lacks the workers."""
    statuses = Counter(await asyncio.gather(*(call(session, spread, limited.key) for _ in range(CALLS))))
    assert statuses == {200: LIMIT, 429: CALLS - LIMIT}
    records = await wait_settled(limited, CALLS)
    assert Counter(record["outcome"] for record in records) == {"SETTLED": LIMIT, "VOIDED": CALLS - LIMIT}
    for service in DECISIONS:
        # On a busy machine Envoy asks all replicas and takes the first answer, so one may have made all decisions so far.
        async with asyncio.timeout(60):
            while len(await asyncio.to_thread(decisions, spread, service)) < WORKERS:
                await asyncio.gather(*(call(session, spread, limited.key) for _ in range(WORKERS)))


@pytest.mark.timeout(180)
async def test_a_worker_that_dies_is_restarted_alone(spread: Stack, session: aiohttp.ClientSession) -> None:
    names = [process_name(service, worker) for service in DECISIONS for worker in range(WORKERS)]
    before = {name: spread.identity(name) for name in names}
    assert {spread.state.process(name).health for name in names} == {Health.READY}
    assert "authz_service-3" not in {process.name for process in spread.state.processes}
    spread.kill("authz_service-2")
    async with asyncio.timeout(30):
        while spread.state.process("authz_service-2").identity in {None, before["authz_service-2"]}:
            await asyncio.sleep(0.05)
        while spread.state.process("authz_service-2").health is not Health.READY:
            await asyncio.sleep(0.05)
    after = {name: spread.identity(name) for name in names}
    assert [name for name in names if after[name] != before[name]] == ["authz_service-2"]
    async with asyncio.timeout(30):  # Envoy reconnects at the next call that it sends to the worker.
        while await call(session, spread, spread.environment["MEGAROUTER_API_KEY"]) != 200:
            await asyncio.sleep(0.1)
    key = spread.environment["MEGAROUTER_API_KEY"]
    assert {await call(session, spread, key) for _ in range(3 * WORKERS)} == {200}
