"""Sends the alerts of a tenant to the inbox of its stack, and reads them there; or to another callback."""

import asyncio
import json
import os
from typing import Any

import aiohttp

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.stores.channel_seals import Place, seal
from tests.support.data.tenants import Tenant

CHANNEL = "inbox"
_FOLLOWED_WITHIN_S = 30.0


async def send_to_inbox(stack: Stack, tenant: Tenant) -> None:
    """Points all rules of the tenant to the inbox alone."""
    await send_to_callback(stack, tenant, stack.environment["MEGAROUTER_INBOX_URL"])


def secret_of(stack: Stack) -> str:
    """Returns what signs the messages of these channels."""
    return str(_secrets(stack)["inbox_secret"])


async def send_to_callback(stack: Stack, tenant: Tenant, url: str) -> None:
    """Points all rules of the tenant to a callback alone."""
    key = bytes.fromhex(_secrets(stack)["channel_key"])
    target = seal(url, Place(tenant.organization, CHANNEL, "target"), key, os.urandom)
    secret = seal(secret_of(stack), Place(tenant.organization, CHANNEL, "secret"), key, os.urandom)
    await tenant.database.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target,"
        " sealed_secret) VALUES ($1, $2, 'CALLBACK', 'Inbox', 'inbox', $3, $4)",
        tenant.organization, CHANNEL, target, secret,
    )  # fmt: skip
    await tenant.database.execute(
        "UPDATE notification_rules SET recipients = $2, update_time = now() WHERE organization_id = $1",
        tenant.organization, json.dumps([{"kind": "CHANNEL", "id": CHANNEL}]),
    )  # fmt: skip
    await until_followed(tenant)


async def until_followed(tenant: Tenant) -> None:
    """Waits until alerts have looked at all that happened to the tenant. It is history then, which sends nothing."""
    followed = (
        "SELECT EXISTS (SELECT FROM alert_positions JOIN ledger_heads USING (organization_id, sequence)"
        " WHERE organization_id = $1 AND isfinite(changes_until))"
    )
    async with asyncio.timeout(_FOLLOWED_WITHIN_S):
        while not await tenant.database.fetchval(followed, tenant.organization):
            await asyncio.sleep(0.1)


async def messages_of(stack: Stack, tenant: Tenant, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """Returns the tenant's alerts that have arrived, oldest first. The inbox keeps each id once."""
    async with session.get(f"{stack.environment['MEGAROUTER_INBOX_URL']}/messages") as response:
        messages = await response.json()
    ours = [one for one in messages if one["data"]["organization"] == f"organizations/{tenant.organization}"]
    return sorted(ours, key=lambda one: str(one["time"]))


def _secrets(stack: Stack) -> dict[str, str]:
    secrets: dict[str, str] = json.loads(stack.home.secrets_file.read_text(encoding="utf-8"))
    return secrets
