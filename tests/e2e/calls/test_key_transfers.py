"""Keys change their owner while calls run: each call is charged to the owner at its admission, and to no one else."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import openai
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import FELT_WITHIN_S, Post
from tests.e2e.docs.test_command_line import megarouter
from tests.support.clients.sdk_calls import connect
from tests.support.data.tenants import until_applied

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
FORMER, NEW = "lena", "emma"
CERTAINLY_FELT_S = 3.0
"""A call that looked whether the change is felt already would be recorded."""
RECORDS = (
    "SELECT member_id, counters, group_path FROM usage_records WHERE organization_id = 'acme' AND api_key_id = $1"
    " ORDER BY place_time"
)
OPEN = "SELECT count(*) FROM holds WHERE organization_id = 'acme' AND api_key_id = $1 AND state = 'HELD'"

Run = Callable[..., Any]


@pytest.fixture
def run(stack: Stack) -> Run:
    def run(*arguments: str) -> Any:
        result = megarouter(stack, *arguments, "--json")
        assert result.returncode == 0, (arguments, result.stderr)
        return json.loads(result.stdout)

    return run


@pytest.fixture
def key(run: Run) -> Iterator[tuple[str, str]]:
    """The secret and the id of a key of the former owner."""
    key_id = f"moving-{os.urandom(3).hex()}"
    made = run("keys", "create", "Moving", "--id", key_id, "--member", FORMER)
    yield made["secret"], key_id
    run("keys", "delete", key_id, "--yes")


async def records(database: asyncpg.Pool, key_id: str, count: int) -> list[asyncpg.Record]:
    async with asyncio.timeout(30):
        while len(found := await database.fetch(RECORDS, key_id)) < count or await database.fetchval(OPEN, key_id):
            await asyncio.sleep(0.05)
    assert len(found) == count
    return list(found)


async def test_a_running_call_is_its_former_owner_s_and_the_next_the_new_one_s(
    database: asyncpg.Pool, post: Post, run: Run, key: tuple[str, str]
) -> None:
    secret, key_id = key
    running = asyncio.ensure_future(post(BODY, key=secret, headers={"x-mock-stall-ms": "1500"}))
    async with asyncio.timeout(30):
        while not await database.fetchval(OPEN, key_id):
            await asyncio.sleep(0.02)
    moved = await asyncio.to_thread(run, "keys", "transfer", key_id, "--to", NEW, "--yes")
    assert moved["apiKey"]["member"].endswith(f"/{NEW}")
    assert (await running).status == 200
    await asyncio.sleep(CERTAINLY_FELT_S)
    assert (await post(BODY, key=secret)).status == 200
    first, second = await records(database, key_id, 2)
    for record, owner, other in ((first, FORMER, NEW), (second, NEW, FORMER)):
        scopes = {counter.rsplit(":", 3)[0] for counter in record["counters"]}
        assert (record["member_id"], f"member:{owner}" in scopes, f"member:{other}" in scopes) == (owner, True, False)
        assert {f"api_key:{key_id}", "organization:acme"} <= scopes


async def test_calls_that_race_transfers_are_all_charged_once_to_one_owner(
    database: asyncpg.Pool, post: Post, run: Run, key: tuple[str, str]
) -> None:
    secret, key_id = key
    is_moving = True

    async def call() -> int:
        done = 0
        while is_moving:
            assert (await post(BODY, key=secret)).status == 200
            done += 1
        return done

    callers = [asyncio.create_task(call()) for _ in range(4)]
    for to in (NEW, FORMER, NEW):
        await asyncio.to_thread(run, "keys", "transfer", key_id, "--to", to, "--yes")
        await until_applied()
    is_moving = False
    done = sum(await asyncio.gather(*callers))
    found = await records(database, key_id, done)
    assert {record["member_id"] for record in found} == {FORMER, NEW}
    for record in found:
        other = NEW if record["member_id"] == FORMER else FORMER
        scopes = [counter.rsplit(":", 3)[0] for counter in record["counters"]]
        assert f"member:{record['member_id']}" in scopes
        assert f"member:{other}" not in scopes
    key_spend = "SELECT sum(call_count) FROM scope_spend WHERE organization_id = 'acme' AND counter LIKE $1"
    assert await database.fetchval(key_spend, f"api\\_key:{key_id}:%") == done


async def test_stored_responses_go_with_the_key(base_url: str, run: Run, key: tuple[str, str]) -> None:
    secret, key_id = key
    other_id = f"other-{os.urandom(3).hex()}"
    other = run("keys", "create", "Other", "--id", other_id, "--member", FORMER)["secret"]
    mine = connect(base_url, secret).openai.responses
    first = await mine.create(model="gpt-5", input="Name a river.", max_output_tokens=40)
    run("keys", "transfer", key_id, "--to", NEW, "--yes")
    await asyncio.sleep(CERTAINLY_FELT_S)
    second = await mine.create(
        model="gpt-5-mini", input="Another.", previous_response_id=first.id, max_output_tokens=40
    )
    assert (await mine.retrieve(second.id)).id == second.id
    with pytest.raises(openai.NotFoundError):
        await connect(base_url, other).openai.responses.retrieve(second.id)
    with pytest.raises(openai.NotFoundError):
        await connect(base_url, other).openai.responses.retrieve(first.id)
    run("keys", "delete", other_id, "--yes")


async def test_the_limits_of_the_new_owner_apply_at_once(post: Post, run: Run, key: tuple[str, str]) -> None:
    secret, key_id = key
    account = f"sa-limited-{os.urandom(3).hex()}"
    run("service-accounts", "create", "Limited", "--id", account, "--group", "platform")
    run("guardrails", "set", f"service-accounts/{account}", "--budget", "0")
    assert (await post(BODY, key=secret)).status == 200
    run("keys", "transfer", key_id, "--to-service-account", account, "--yes")
    async with asyncio.timeout(FELT_WITHIN_S):
        while (reply := await post(BODY, key=secret)).status == 200:
            await asyncio.sleep(0.02)
    assert (reply.status, reply.json["error"]["code"]) == (402, "budget_exhausted")
    run("keys", "transfer", key_id, "--to", FORMER, "--yes")
    run("service-accounts", "delete", account, "--yes")
