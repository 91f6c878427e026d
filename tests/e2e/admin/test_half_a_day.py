"""Half a day of an admin by REST: the story that docs/guides/half-a-day.md tells on the command line."""

import asyncio
import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat
from tests.support.data.northwind import people
from tests.support.data.tenants import CREDIT
from tests.support.servers.identity_provider import IdentityProvider

LONG = {"model": "gpt-4o", "max_tokens": 4_000}
SHORT = {"model": "gpt-4o", "max_tokens": 50}

pytestmark = pytest.mark.timeout(240)


@dataclass
class Admin:
    """Olivia, who operates the deployment and is the Super Admin of the organization."""

    http: httpx.AsyncClient
    models_url: str
    organization: str

    async def call(self, verb: str, path: str, sign_in: str | None = None, /, **body: Any) -> dict[str, Any]:
        """Calls the admin API and returns its answer. A path that does not begin with /v1/ is below the organization."""
        answer = await self.reply(verb, path, sign_in, **body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def reply(self, verb: str, path: str, sign_in: str | None = None, /, **body: Any) -> httpx.Response:
        url = path if path.startswith("/v1/") else f"/v1/{self.organization}{path}"
        headers = {"Authorization": f"Bearer {sign_in}"} if sign_in else {}
        return await self.http.request(verb, url, json=body or None, headers=headers)

    async def ask(self, secret: str, **fields: Any) -> dict[str, Any]:
        """Makes a model call. Returns the error, or an empty dict if it passed."""
        url, headers = f"{self.models_url}/v1/chat/completions", {"Authorization": f"Bearer {secret}"}
        answer = await self.http.post(url, json=chat(**fields), headers=headers)
        return {} if answer.status_code == 200 else {"status": answer.status_code, **answer.json()["error"]}

    async def until_settled(self, calls: int) -> None:
        async with asyncio.timeout(30):
            while int((await self.call("GET", "/guardrails/organization"))["callCount"]) != calls:
                await asyncio.sleep(0.05)


@pytest.fixture
async def admin(stack: Stack) -> AsyncIterator[Admin]:
    environment = stack.environment
    async with httpx.AsyncClient(
        base_url=environment["MEGAROUTER_ADMIN_URL"],
        headers={"Authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"},
        timeout=20,
    ) as http:
        yield Admin(http, environment["MEGAROUTER_BASE_URL"], f"organizations/southwind-{os.urandom(3).hex()}")
        await http.post("/v1/users/me:switchAccount", json={"account": "organizations/acme"})


def row(address: str, group: str, role: str) -> dict[str, str]:
    return {"email": address, "groupPath": group, "role": f"ROLE_{role.upper().replace('-', '_')}"}


def request_id() -> str:
    return str(uuid.uuid4())


async def thirty_people_join(admin: Admin, identity_provider: IdentityProvider) -> dict[str, dict[str, Any]]:
    """Imports the people and lets everybody accept. Returns the members by address."""
    suffix = admin.organization.rpartition("-")[2]
    rows = [row(address.replace("@", f"-{suffix}@"), group, role) for address, group, role in people()]
    rehearsed = await admin.call("POST", "/members:import", rows=rows, createMissingGroups=True, validateOnly=True)
    assert {one["action"] for one in rehearsed["results"]} == {"ACTION_INVITE"}
    assert (await admin.call("GET", "/groups"))["groups"] == []
    imported = await admin.call("POST", "/members:import", rows=rows, createMissingGroups=True, requestId=request_id())
    await defaults_of_checkout(admin)
    for result in imported["results"]:
        subject = result["email"].partition("@")[0]
        token = identity_provider.token(subject, email=result["email"], email_verified=True, name=subject)
        await admin.call("POST", "/v1/invites:accept", token, token=result["token"])
    listed = await admin.call("GET", "/members?pageSize=100")
    members = {member["email"].replace(f"-{suffix}@", "@"): member for member in listed["members"]}
    assert len(members) == 31
    return members


async def defaults_of_checkout(admin: Admin) -> None:
    name = f"{admin.organization}/guardrailDefaults/group-checkout"
    limits = {"budgetNanoCredits": str(CREDIT // 100), "cycle": "CYCLE_MONTHLY", "requestsPerMinute": 30, "keyLimit": 2}
    await admin.call("PATCH", "/guardrailDefaults/group-checkout", name=name, memberLimits=limits)


async def test_half_a_day_of_an_admin(admin: Admin, identity_provider: IdentityProvider) -> None:
    await an_organization_gets_credit(admin)
    members = await thirty_people_join(admin, identity_provider)
    dara, zoe = members["dara@northwind.example"], members["zoe@northwind.example"]
    assert dara["group"] == f"{admin.organization}/groups/checkout"
    rail = f"/guardrails/member-{dara['name'].rpartition('/')[2]}"
    secret = await a_key_meets_the_limit_of_its_group(admin, dara, rail)
    await the_limit_is_raised_for_a_while(admin, rail, secret)
    await people_and_keys_change(admin, dara, zoe, secret)
    await credit_beyond_the_line_is_approved(admin)
    await the_books_agree(admin, dara)


async def an_organization_gets_credit(admin: Admin) -> None:
    organization = {"displayName": "Southwind", "timeZone": "Europe/Berlin", "billingEmail": "books@southwind.example"}
    name = admin.organization.rpartition("/")[2]
    made = await admin.call("POST", f"/v1/organizations?organizationId={name}", **organization)
    assert made["name"] == admin.organization
    await admin.call("POST", "/summary:setCreditLine", lineNanoCredits=str(100 * CREDIT))
    await admin.call("POST", "/creditBalance:topUp", amountNanoCredits=str(60 * CREDIT), requestId=request_id())


async def a_key_meets_the_limit_of_its_group(admin: Admin, dara: dict[str, Any], rail: str) -> str:
    """Returns the secret of Dara's key."""
    origins = {one["limit"] for one in (await admin.call("GET", rail))["defaultOrigins"]}
    assert origins == {"budget", "key_limit", "requests_per_minute"}
    made = await admin.call("POST", "/apiKeys?apiKeyId=laptop", displayName="Laptop", member=dara["name"])
    secret = str(made["secret"])
    assert await admin.ask(secret, **SHORT) == {}
    await admin.until_settled(1)
    refused = await admin.ask(secret, **LONG)
    assert (refused["status"], refused["code"], refused["limits"][0]["scope"]) == (402, "budget_exhausted", "member")
    explained = await admin.call("GET", "/apiKeys/laptop:explainAccess?modelName=gpt-4o")
    assert explained["reason"] == "budget_exhausted"
    assert explained["stoppedBy"] == f"{admin.organization}{rail}"
    return secret


async def the_limit_is_raised_for_a_while(admin: Admin, rail: str, secret: str) -> None:
    present = await admin.call("GET", rail)
    raised = await admin.call(
        "PATCH", f"{rail}?updateMask=temporary_limit", name=present["name"], etag=present["etag"],
        temporaryLimit={"budgetNanoCredits": str(CREDIT), "endTime": in_hours(8)},
    )  # fmt: skip
    assert raised["budgetNanoCredits"] == str(CREDIT // 100)
    async with asyncio.timeout(30):
        while (await admin.ask(secret, **LONG)).get("code") == "budget_exhausted":
            await asyncio.sleep(0.05)
    await admin.until_settled(2)


async def people_and_keys_change(admin: Admin, dara: dict[str, Any], zoe: dict[str, Any], secret: str) -> None:
    rotated = await admin.call("POST", "/apiKeys/laptop:rotate", overlapDuration="3600s", requestId=request_id())
    assert rotated["secret"] != secret
    for usable in (secret, str(rotated["secret"])):
        assert (await admin.ask(usable, model="no-such-model"))["status"] == 404
    moved = await admin.call("POST", f"/v1/{dara['name']}:move", group=f"{admin.organization}/groups/vision")
    assert moved["group"].endswith("/groups/vision")
    removed = await admin.call("POST", f"/v1/{zoe['name']}:remove")
    assert removed["state"] == "STATE_REMOVED"


async def credit_beyond_the_line_is_approved(admin: Admin) -> None:
    asked = await admin.call("POST", "/creditBalance:topUp", amountNanoCredits=str(80 * CREDIT), requestId=request_id())
    pending = asked["topUpRequest"]
    assert pending["state"] == "STATE_PENDING"
    approved = await admin.call("POST", f"/v1/{pending['name']}:approve")
    assert approved["state"] == "STATE_APPROVED"
    again = await admin.reply("POST", f"/v1/{pending['name']}:approve")
    assert again.status_code == 200, "approving twice adds the credit once"


async def the_books_agree(admin: Admin, dara: dict[str, Any]) -> None:
    await asyncio.sleep(1.1)  # a statement ends at a whole second before now
    balance = await admin.call("GET", "/creditBalance")
    statement = await admin.call(
        "GET",
        f"/creditStatement?timeRange.startTime={in_hours(-24)}&timeRange.endTime={in_hours(0)}&breakdown=BREAKDOWN_MEMBER",
    )
    assert statement["closingBalanceNanoCredits"] == balance["balanceNanoCredits"]
    spent = 140 * CREDIT - int(balance["balanceNanoCredits"])
    assert spent > 0
    member = await admin.call("GET", f"/v1/{dara['name']}")
    assert int(member["spentNanoCredits"]) == spent
    invoice = await admin.call(
        "POST", "/creditBalance:requestInvoice", amountNanoCredits=str(140 * CREDIT), requestId=request_id(),
        amount={"currencyCode": "EUR", "units": "140"},
    )  # fmt: skip
    assert invoice["billingEmail"] == "books@southwind.example"
    entries = (await admin.call("GET", "/auditLogEntries?pageSize=200"))["auditLogEntries"]
    methods = {entry["method"].rpartition("/")[2] for entry in entries}
    assert methods >= {
        "CreateOrganization", "SetCreditLine", "TopUpCredit", "ImportMembers", "UpdateGuardrailDefault", "AcceptInvite",
        "CreateApiKey", "UpdateGuardrail", "RotateApiKey", "MoveMember", "RemoveMember", "ApproveTopUpRequest", "RequestInvoice",
    }  # fmt: skip


def in_hours(hours: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
