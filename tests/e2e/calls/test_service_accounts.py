"""A service account calls models: its calls are on its own scopes, and end within a second when it is disabled or deleted."""

import asyncio
import json
import os

import asyncpg

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import FELT_WITHIN_S, Post
from tests.e2e.docs.test_command_line import megarouter

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}


def run(stack: Stack, *arguments: str) -> str:
    result = megarouter(stack, *arguments)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


async def refused(post: Post, key: str) -> tuple[int, str]:
    """Returns the first refusal within the time that a revocation may take."""
    async with asyncio.timeout(FELT_WITHIN_S):
        while (reply := await post(BODY, key=key)).status == 200:
            await asyncio.sleep(0.02)
    return reply.status, reply.json["error"]["message"]


async def test_its_calls_are_recorded_under_its_id_and_stop_with_it(
    stack: Stack, database: asyncpg.Pool, post: Post
) -> None:
    account = f"sa-e2e-{os.urandom(3).hex()}"
    run(stack, "service-accounts", "create", "Nightly", "--id", account, "--group", "platform")
    made = json.loads(run(stack, "keys", "create", "Nightly key", "--service-account", account, "--json"))
    key, key_id = made["secret"], made["apiKey"]["name"].rpartition("/")[2]
    assert (await post(BODY, key=key)).status == 200
    record = "SELECT member_id, group_path FROM usage_records WHERE organization_id = 'acme' AND api_key_id = $1"
    async with asyncio.timeout(30):
        while (found := await database.fetchrow(record, key_id)) is None:
            await asyncio.sleep(0.05)
    assert (found["member_id"], found["group_path"][-1]) == (account, "platform")
    assert "Nightly" in run(stack, "keys", "list", "--service-account", account)
    run(stack, "guardrails", "set", f"service-accounts/{account}", "--budget", "0")
    async with asyncio.timeout(FELT_WITHIN_S):
        while (reply := await post(BODY, key=key)).status != 402:
            await asyncio.sleep(0.02)
    assert "this API key's service account" in reply.json["error"]["message"]
    run(stack, "guardrails", "clear", f"service-accounts/{account}", "--yes")
    run(stack, "service-accounts", "disable", account)
    status, message = await refused(post, key)
    assert (status, "service account of this API key is disabled" in message) == (403, True)
    run(stack, "service-accounts", "enable", account)
    run(stack, "service-accounts", "delete", account, "--yes")
    assert (await refused(post, key))[0] == 401
