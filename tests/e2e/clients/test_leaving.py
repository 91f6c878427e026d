"""A member leaves an organization with the command line, and their key ends with the membership."""

import asyncio
import datetime as dt
import json
import os

import asyncpg

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.e2e.conftest import FELT_WITHIN_S, Post
from tests.e2e.docs.test_command_line import megarouter

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}


async def test_a_member_leaves_and_their_key_stops(
    stack: Stack, database: asyncpg.Pool, pepper: bytes, post: Post
) -> None:
    user, token = f"leaving-{os.urandom(3).hex()}", ACCESS_TOKEN.make(os.urandom(32))
    await database.execute("INSERT INTO users VALUES ($1, $1 || '@leaving.example', 'Leaving')", user)
    await database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, $3)",
        user, hash_secret(token, pepper), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip
    await database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', $1, $1, 'MEMBER')", user
    )
    environment = {"MEGAROUTER_ADMIN_TOKEN": token, "MEGAROUTER_ORGANIZATION": "acme"}
    made = megarouter(stack, "keys", "create", "Mine", "--json", **environment)
    key = json.loads(made.stdout)["secret"]
    assert (await post(BODY, key=key)).status == 200
    refused = megarouter(stack, "accounts", "leave", "acme", **environment)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    left = megarouter(stack, "accounts", "leave", "acme", "--yes", **environment)
    assert left.returncode == 0, left.stderr
    assert "current account  organizations/personal-" in left.stdout
    async with asyncio.timeout(FELT_WITHIN_S):
        while (reply := await post(BODY, key=key)).status == 200:
            await asyncio.sleep(0.02)
    assert reply.status == 401
    again = megarouter(stack, "accounts", "leave", "acme", "--yes", **environment)
    assert (again.returncode, "PERMISSION_DENIED" in again.stderr) == (1, True)
