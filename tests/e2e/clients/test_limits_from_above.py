"""A member cannot lift what an admin set on their key, by REST and by the command line with the member's own token."""

import datetime as dt
import os

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.e2e.docs.test_command_line import megarouter

KEY = "bound-from-above"


@pytest.fixture
async def token(database: asyncpg.Pool, pepper: bytes) -> str:
    """An access token of the demo member `lena`."""
    secret = ACCESS_TOKEN.make(os.urandom(32))
    await database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time)"
        " SELECT $1, user_id, $2, $3 FROM members WHERE organization_id = 'acme' AND member_id = 'lena'",
        f"t-{os.urandom(4).hex()}", hash_secret(secret, pepper), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip
    return secret


async def test_a_member_tightens_but_does_not_lift_a_limit(
    stack: Stack, session: aiohttp.ClientSession, token: str
) -> None:
    made = megarouter(stack, *f"keys create Bound --id {KEY} --member lena --expires 30d --from 192.0.2.0/24".split())
    assert made.returncode == 0, made.stderr
    assert "expire_time by organization" in made.stdout
    lifted = megarouter(stack, *f"keys update {KEY} --expires none".split(), MEGAROUTER_ADMIN_TOKEN=token)
    assert lifted.returncode == 1
    assert "LIMIT_SET_ABOVE" in lifted.stderr
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/acme/apiKeys/{KEY}"
    headers = {"authorization": f"Bearer {token}"}
    for body, mask, status in (
        ({}, "ipAllowList", 403),
        ({"ipAllowList": ["0.0.0.0/0"]}, "ipAllowList", 403),
        ({"ipAllowList": ["192.0.2.8/32"]}, "ipAllowList", 200),
        ({}, "expireTime", 403),
    ):
        async with session.patch(f"{url}?updateMask={mask}", json=body, headers=headers) as answer:
            assert (body, answer.status) == (body, status), await answer.text()
