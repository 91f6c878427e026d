"""What happens to credit, limits, keys and providers arrives as alerts: from real calls and changes, each once."""

import asyncio
import datetime as dt
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.alerts.event_data import check_event
from gateway_core.model.ledger.transfers import Account, Transfer, TransferKind
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.e2e.conftest import Post
from tests.support.data.inbox_channel import messages_of, send_to_inbox, until_followed
from tests.support.data.tenants import CREDIT, Tenant

Arrives = Callable[[str], Awaitable[dict[str, Any]]]
Admin = Callable[..., Awaitable[dict[str, Any]]]
ARRIVES_WITHIN_S = 60.0
"""Refusals by request limits are looked at every ten seconds."""


async def add_rule(
    tenant: Tenant, *event_types: str, conditions: Mapping[str, int] = {}, percents: Sequence[int] = ()
) -> None:
    await tenant.database.execute(
        "INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, conditions,"
        " percents, recipients) VALUES ($1, 'more', 'More', $2, 'organization', $1, $3, $4, '[{\"kind\": \"SUPER_ADMINS\"}]')",
        tenant.organization, list(event_types), json.dumps(dict(conditions)), list(percents),
    )  # fmt: skip


@pytest.fixture
def arrives(stack: Stack, tenant: Tenant, session: aiohttp.ClientSession) -> Arrives:
    """Waits for the only alert of a type, and checks it against its schema."""

    async def wait(event_type: str) -> dict[str, Any]:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while True:
                found = [one for one in await messages_of(stack, tenant, session) if one["type"] == event_type]
                if found:
                    break
                await asyncio.sleep(0.1)
        (message,) = found
        assert message["verified"]
        check_event(event_type, message["data"])
        return dict(message["data"])

    return wait


@pytest.fixture
async def admin(stack: Stack, tenant: Tenant, session: aiohttp.ClientSession) -> Admin:
    """Calls the admin API as Sue, a Super Admin of the tenant."""
    user, token = f"sue-{tenant.organization}", ACCESS_TOKEN.make(os.urandom(32))
    await tenant.database.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', 'Sue')", user)
    await tenant.database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ($1, 'sue', $2, 'SUPER_ADMIN')",
        tenant.organization, user,
    )  # fmt: skip
    await tenant.database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, $3)",
        user, hash_secret(token, tenant.pepper), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip

    async def call(verb: str, path: str, body: object = None) -> dict[str, Any]:
        url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/{tenant.organization}/{path}"
        headers = {"authorization": f"Bearer {token}"}
        async with session.request(verb, url, json=body, headers=headers) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return dict(answer)

    return call


async def leave(stack: Stack, tenant: Tenant, nano_credits: int) -> None:
    """Takes credit away until so much is left, and waits until the next call is decided by it."""
    amount = await tenant.balance() - nano_credits
    transfer = Transfer(
        TransferKind.ADJUSTMENT, Account.CREDIT_POOL, Account.ADJUSTMENTS, amount, os.urandom(8).hex(), "test"
    )
    async with tenant.database.acquire() as connection:
        await post_transfers(connection, tenant.organization, [transfer])
    redis = Redis.from_url(stack.environment["MEGAROUTER_REDIS_URL"], decode_responses=True)
    try:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while await redis.hget(f"mr:{{{tenant.organization}}}:pool", "balance") != str(nano_credits):
                await asyncio.sleep(0.05)
    finally:
        await redis.aclose()


async def keep_calling(post: Post, status: int) -> None:
    """Calls until canceled: while credit has just come in, a refusal is no news."""
    while True:
        assert (await post()).status == status
        await asyncio.sleep(0.5)


async def test_credit_is_told_low_by_the_call_that_took_it_there_then_used_up_then_restored(
    stack: Stack,
    post: Post,
    tenant: Tenant,
    settled: Callable[[int], Awaitable[list[asyncpg.Record]]],
    arrives: Arrives,
) -> None:
    await post()
    (first,) = await settled(1)
    await until_followed(tenant)
    charge, balance = first["charge_nano_credits"], await tenant.balance()
    conditions = {"credit_left_nano_credits": balance - 3 * charge, "credit_left_days": 0}
    await add_rule(
        tenant, "credit.low", "credit.recovered", "credit.exhausted", "credit.restored", "credit.topped_up",
        conditions=conditions,
    )  # fmt: skip
    await tenant.database.execute(
        "DELETE FROM notification_rules WHERE organization_id = $1 AND rule_id <> 'more'", tenant.organization
    )
    await send_to_inbox(stack, tenant)
    for _ in range(4):
        await post()
    records = await settled(5)
    low = await arrives("credit.low")
    assert low["proof"] == {
        "ledgerPosition": str(records[3]["sequence"]),
        "call": f"organizations/{tenant.organization}/calls/{records[3]['hold_id']}",
        "creditBeforeNanoCredits": str(balance - 2 * charge),
        "creditAfterNanoCredits": str(balance - 3 * charge),
    }
    await leave(stack, tenant, 1)
    refused = asyncio.create_task(keep_calling(post, 402))
    assert (await arrives("credit.exhausted"))["credit"] == {"leftNanoCredits": "1"}
    assert refused.cancel()
    await tenant.top_up(20_000 * CREDIT)
    assert (await arrives("credit.topped_up"))["amountNanoCredits"] == str(20_000 * CREDIT)
    await arrives("credit.restored")
    await arrives("credit.recovered")
    assert (await post()).status == 200


async def test_a_key_that_exceeds_its_request_limit_for_long_is_told_once(
    stack: Stack, post: Post, tenant: Tenant, arrives: Arrives
) -> None:
    await add_rule(tenant, "rate_limit.sustained", conditions={"refused_min_calls": 20})
    await send_to_inbox(stack, tenant)
    await tenant.guard("api_key", tenant.key_id, requests_per_minute=5)
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        refused = 0
        while refused < 25:
            refused += (await post()).status == 429
    data = await arrives("rate_limit.sustained")
    assert data["scope"]["name"] == f"organizations/{tenant.organization}/apiKeys/{tenant.key_id}"
    assert int(data["calls"]["refused"]) >= 5
    await asyncio.sleep(11)
    await arrives("rate_limit.sustained")


async def test_what_an_admin_does_to_a_key_is_told_with_who_did_it(
    stack: Stack, tenant: Tenant, admin: Admin, arrives: Arrives
) -> None:
    await add_rule(tenant, "key.created", "key.disabled", "key.deleted", "guardrail.changed", "keys.threshold_reached",
                   percents=[100])  # fmt: skip
    await tenant.guard("member", "sue", key_limit=1)
    await send_to_inbox(stack, tenant)
    await asyncio.sleep(2)
    made = await admin("POST", "apiKeys?apiKeyId=mine", {"displayName": "Mine"})
    name = made["apiKey"]["name"]
    created = await arrives("key.created")
    assert (created["scope"], created["actor"]["displayName"]) == ({"name": name, "displayName": "Mine"}, "Sue")
    assert (await arrives("keys.threshold_reached"))["keys"] == {"used": "1", "limit": "1"}
    await admin("POST", "apiKeys/mine:disable", {})
    await arrives("key.disabled")
    await admin("PATCH", "guardrails/apikey-mine", {"requestsPerMinute": 7})
    assert (await arrives("guardrail.changed"))["changedFields"] == ["requestsPerMinute"]
    await admin("DELETE", "apiKeys/mine")
    await arrives("key.deleted")


async def test_a_provider_that_refuses_the_account_is_told_until_it_accepts_it(
    stack: Stack, post: Post, tenant: Tenant, arrives: Arrives
) -> None:
    await add_rule(tenant, "provider.account_refused", "provider.account_accepted")
    await tenant.database.execute(
        "DELETE FROM notification_rules WHERE organization_id = $1 AND rule_id <> 'more'", tenant.organization
    )
    await send_to_inbox(stack, tenant)
    await asyncio.sleep(2)
    await post(headers={"x-mock-fail": "401"})
    refused = await arrives("provider.account_refused")
    assert refused["reason"] == "credential"
    assert (await post()).status == 200
    await arrives("provider.account_accepted")
