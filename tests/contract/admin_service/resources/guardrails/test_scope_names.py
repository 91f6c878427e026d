"""Guardrails name their scopes for people."""

import asyncpg
from megarouter.admin.v1 import guardrail_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import ACME, get, set_limits


async def test_a_guardrail_has_the_name_of_its_scope_for_people(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE users SET display_name = 'Mia Meyer' WHERE user_id = 'member'")
    await owner.execute("UPDATE users SET display_name = '' WHERE user_id = 'below'")
    for guardrail in ("organization", "group-sales", "member-member", "member-below", "apikey-key-member"):
        await set_limits(client, guardrail, budget_nano_credits=1)
    page = await client.call("ListGuardrails", guardrail_pb2.ListGuardrailsRequest(parent=ACME), "super")
    shown = {rail.name.rpartition("/")[2]: rail.scope_display_name for rail in page.guardrails}
    group = await owner.fetchval("SELECT display_name FROM groups WHERE group_id = 'sales'")
    key = await owner.fetchval("SELECT display_name FROM api_keys WHERE api_key_id = 'key-member'")
    organization = await owner.fetchval("SELECT display_name FROM organizations WHERE organization_id = 'acme'")
    assert shown == {
        "organization": organization,
        "group-sales": group,
        "member-member": "Mia Meyer",
        "member-below": "below@example.org",
        "apikey-key-member": key,
    }
    assert (await client.call("GetGuardrail", get("member-member"))).scope_display_name == "Mia Meyer"
