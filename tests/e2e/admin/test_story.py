"""The life of an organization from creation to deletion, through Envoy: admin calls by each protocol, and model calls."""

import asyncio
import datetime as dt
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from megarouter.admin.v1 import (
    api_key_pb2,
    credit_pb2,
    group_pb2,
    guardrail_pb2,
    invite_pb2,
    member_pb2,
    operator_pb2,
    organization_pb2,
)
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist
from megarouter.type.v1 import role_pb2

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.e2e.conftest import FELT_WITHIN_S, chat
from tests.support.clients.admin_transports import CallError, Grpc, Rest, Transport, TypeScript
from tests.support.data.tenants import CREDIT
from tests.support.repository import ROOT
from tools import sdk as clients

STOPPED_WITHIN_S = 30.0
GROUPS = ("level-1", "level-2", "level-3", "level-4")
PLENTY = 1_000 * CREDIT
ROOM = 100_000
"""Enough for at least one call of `ask` but not for many, in nano-credits."""

pytestmark = pytest.mark.timeout(300)  # npm downloads packages that are not cached yet


@pytest.fixture(params=["gRPC", "REST", "TypeScript"])
async def transport(
    request: pytest.FixtureRequest, stack: Stack, session: aiohttp.ClientSession
) -> AsyncIterator[Transport]:
    url, address = stack.environment["MEGAROUTER_ADMIN_URL"], stack.environment["MEGAROUTER_ADMIN_ADDRESS"]
    if request.param == "gRPC":
        async with grpc.aio.insecure_channel(address) as channel:
            yield Grpc(channel)
    elif request.param == "REST":
        yield Rest(url, session)
    else:
        project: Path = request.getfixturevalue("node_project")
        (project / "admin_calls.ts").write_text(
            (ROOT / "tests" / "support" / "clients" / "admin_calls.ts").read_text("utf-8"), "utf-8"
        )
        process = await asyncio.create_subprocess_exec(
            "node", "admin_calls.ts", cwd=project, env={**clients.node_environment(), "MEGAROUTER_ADMIN_URL": url},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        yield TypeScript(process)
        process.terminate()
        await process.wait()


@dataclass
class Person:
    """A user with an access token."""

    transport: Transport
    token: str

    async def __call__(self, request: Message) -> Any:
        """Calls the method that takes a request of this type, and returns its answer. Raises CallError."""
        (service,) = request.DESCRIPTOR.file.services_by_name.values()
        name = request.DESCRIPTOR.name.removesuffix("Request")
        method: MethodDescriptor = service.methods_by_name[name]  # type: ignore[assignment] # one of two implementations
        return await self.transport.call(method, request, self.token)


@dataclass
class Story:
    """An operator creates the organization for Olga. Ivy accepts an invite and makes model calls."""

    operator: Person
    olga: Person
    ivy: Person
    database: asyncpg.Pool
    session: aiohttp.ClientSession
    base_url: str
    organization_id: str = field(default_factory=lambda: f"story-{os.urandom(4).hex()}")
    member_id: str = ""
    key_id: str = "laptop"
    secret: str = ""
    passed: int = 0

    @property
    def organization(self) -> str:
        return f"organizations/{self.organization_id}"

    @property
    def key(self) -> str:
        return f"{self.organization}/apiKeys/{self.key_id}"

    def guardrail(self, kind: str, scope_id: str) -> str:
        name = {"organization": "organization", "api_key": f"apikey-{scope_id}"}.get(kind, f"{kind}-{scope_id}")
        return f"{self.organization}/guardrails/{name}"

    async def ask(self, secret: str | None = None, stall_ms: int = 0, **fields: Any) -> dict[str, Any]:
        """Makes a model call. Returns the error, or an empty dict if the call passed."""
        headers = {"authorization": f"Bearer {secret or self.secret}", "x-mock-output-tokens": "5"}
        headers |= {"x-mock-stall-ms": str(stall_ms)} if stall_ms else {}
        url = f"{self.base_url}/v1/chat/completions"
        async with self.session.post(url, json=chat(**{"max_tokens": 5, **fields}), headers=headers) as response:
            content = await response.json()
            if response.status == 200:
                self.passed += 1
                return {}
            return dict(content["error"])

    async def felt(self, code: str | None = None, **call: Any) -> None:
        """Asserts that a change takes effect soon: calls are refused for this reason, or pass if it is None.

        What counts is when the call began. One that only open calls keep from passing waits a moment before it is refused.
        """
        started = asked = time.monotonic()
        while (await self.ask(**call)).get("code") != code:
            await asyncio.sleep(0.02)
            asked = time.monotonic()
            assert asked - started < FELT_WITHIN_S, code

    async def stopped(self, code: str) -> dict[str, Any]:
        """Makes calls until one is refused, and returns its error. Asserts the reason, and that at least one call passed.

        A call that only open holds stop is tried again, as its error asks.
        """
        passed = 0
        async with asyncio.timeout(STOPPED_WITHIN_S):
            while not (error := await self.ask()) or error["code"] == "budget_in_use":
                passed += not error
                await asyncio.sleep(0.1 if error else 0)
        assert error["code"] == code
        assert passed > 0, error
        return error

    async def limit(self, kind: str, scope_id: str, **limits: int) -> None:
        """Changes these limits of a guardrail and leaves the others."""
        name = self.guardrail(kind, scope_id)
        present = await self.olga(guardrail_pb2.GetGuardrailRequest(name=name))
        changed = guardrail_pb2.Guardrail(name=name, etag=present.etag)
        for field_name, value in limits.items():
            setattr(changed, field_name, value)
        request = guardrail_pb2.UpdateGuardrailRequest(guardrail=changed, update_mask=FieldMask(paths=list(limits)))
        answer = await self.olga(request)
        assert {field: getattr(answer, field) for field in limits} == limits

    async def top_up(self, amount_nano_credits: int) -> None:
        request = credit_pb2.TopUpCreditRequest(
            parent=self.organization, amount_nano_credits=amount_nano_credits, request_id=str(uuid.uuid4())
        )
        answer = await self.olga(request)
        assert answer.top_up.amount_nano_credits == amount_nano_credits


async def sign_up(transport: Transport, database: asyncpg.Pool, pepper: bytes, name: str) -> Person:
    """Creates a user without memberships."""
    token, user = ACCESS_TOKEN.make(os.urandom(32)), f"{name.lower()}-{os.urandom(4).hex()}"
    await database.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', $2)", user, name)
    await database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, $3)",
        user, hash_secret(token, pepper), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip
    return Person(transport, token)


async def an_organization_with_four_group_levels_is_created(story: Story) -> None:
    made = await story.operator(
        organization_pb2.CreateOrganizationRequest(
            organization=organization_pb2.Organization(display_name="Story"), organization_id=story.organization_id
        )
    )
    assert made.name == story.organization
    summary = f"{story.organization}/summary"
    await story.operator(operator_pb2.SetCreditLineRequest(name=summary, line_nano_credits=2 * PLENTY))
    invite = invite_pb2.Invite(role=role_pb2.ROLE_SUPER_ADMIN)
    invited = await story.operator(invite_pb2.CreateInviteRequest(parent=story.organization, invite=invite))
    await story.olga(invite_pb2.AcceptInviteRequest(token=invited.token))
    above = ""
    for level, group_id in enumerate(GROUPS, start=1):
        group = group_pb2.Group(display_name=f"Level {level}", parent_group=above)
        request = group_pb2.CreateGroupRequest(parent=story.organization, group=group, group_id=group_id)
        made = await story.olga(request)
        assert (made.level, made.parent_group) == (level, above)
        above = made.name
    fifth = group_pb2.Group(display_name="Level 5", parent_group=above)
    with pytest.raises(CallError) as failed:
        await story.olga(group_pb2.CreateGroupRequest(parent=story.organization, group=fifth))
    assert failed.value.code is grpc.StatusCode.FAILED_PRECONDITION


async def a_user_accepts_an_invite_with_its_preset(story: Story) -> None:
    group = f"{story.organization}/groups/{GROUPS[-1]}"
    invite = invite_pb2.Invite(role=role_pb2.ROLE_MEMBER, group=group)
    invited = await story.olga(invite_pb2.CreateInviteRequest(parent=story.organization, invite=invite))
    accepted = await story.ivy(invite_pb2.AcceptInviteRequest(token=invited.token))
    assert (accepted.role, accepted.group) == (role_pb2.ROLE_MEMBER, group)
    assert not accepted.already_member
    story.member_id = accepted.member.rpartition("/")[2]


async def the_member_creates_a_key(story: Story) -> None:
    story.secret = await create_key(story, story.key_id)
    await story.felt("credit_exhausted")


async def create_key(story: Story, key_id: str) -> str:
    key = api_key_pb2.ApiKey(display_name=key_id)
    request = api_key_pb2.CreateApiKeyRequest(parent=story.organization, api_key=key, api_key_id=key_id)
    return str((await story.ivy(request)).secret)


async def credit_stops_calls_until_it_is_topped_up(story: Story) -> None:
    await story.top_up(ROOM)
    await story.felt()
    await story.stopped("credit_exhausted")
    await story.top_up(PLENTY)
    await story.felt()


async def a_whitelist_stops_other_models_until_it_names_them(story: Story) -> None:
    await whitelist(story, "gpt-4o-mini")
    await story.felt("model_not_allowed", model="gpt-4o")
    assert await story.ask() == {}
    await whitelist(story, "gpt-4o-mini", "gpt-4o")
    await story.felt(model="gpt-4o")


async def whitelist(story: Story, *entries: str) -> None:
    key = api_key_pb2.ApiKey(name=story.key, model_whitelist=ModelWhitelist(entries=entries))
    request = api_key_pb2.UpdateApiKeyRequest(api_key=key, update_mask=FieldMask(paths=["model_whitelist"]))
    assert list((await story.olga(request)).model_whitelist.entries) == list(entries)


async def every_budget_stops_calls_until_it_is_raised(story: Story) -> None:
    groups = [("group", group_id) for group_id in reversed(GROUPS)]
    scopes = [("api_key", story.key_id), ("member", story.member_id), *groups]
    for kind, scope_id in [*scopes, ("organization", story.organization_id)]:
        spent = await spent_nano_credits(story, story.guardrail(kind, scope_id))
        await story.limit(kind, scope_id, budget_nano_credits=spent + ROOM)
        error = await story.stopped("budget_exhausted")
        assert (error["limits"][0]["scope"], error["limits"][0]["id"]) == (kind, scope_id)
        await story.limit(kind, scope_id, budget_nano_credits=PLENTY)
        await story.felt()


async def spent_nano_credits(story: Story, guardrail: str) -> int:
    """Waits until every call is settled, and returns their total cost in nano-credits."""
    count = "SELECT count(*) FROM usage_records WHERE organization_id = $1 AND outcome = 'SETTLED'"
    async with asyncio.timeout(STOPPED_WITHIN_S):
        while await story.database.fetchval(count, story.organization_id) < story.passed:
            await asyncio.sleep(0.05)
    present = await story.olga(guardrail_pb2.GetGuardrailRequest(name=guardrail))
    return int(present.spent_nano_credits)


async def every_rate_stops_calls_until_it_is_raised(story: Story) -> None:
    await story.limit("api_key", story.key_id, requests_per_minute=3)
    await story.stopped("rate_limited")
    await story.limit("api_key", story.key_id, requests_per_minute=1_000_000)
    await story.felt()
    await story.limit("member", story.member_id, tokens_per_minute=300)
    await story.stopped("tokens_rate_limited")
    await story.limit("member", story.member_id, tokens_per_minute=1_000_000)
    await story.felt()


async def concurrent_calls_are_stopped_until_more_are_allowed(story: Story) -> None:
    await story.limit("api_key", story.key_id, concurrency_limit=1)
    under_way = await call_under_way(story)
    await story.felt("too_many_concurrent_calls")
    await story.limit("api_key", story.key_id, concurrency_limit=2)
    await story.felt()
    assert not under_way.done()
    assert await under_way == {}
    # Settlement frees a place. The following calls would come before that.
    await story.limit("api_key", story.key_id, concurrency_limit=1_000)
    await story.felt()


async def call_under_way(story: Story) -> asyncio.Task[dict[str, Any]]:
    """Makes a slow call in the background, after the places of earlier calls are free again."""
    async with asyncio.timeout(STOPPED_WITHIN_S):
        while True:
            task = asyncio.create_task(story.ask(stall_ms=4_000))
            ended, _ = await asyncio.wait({task}, timeout=0.5)
            if not ended:
                return task


async def a_disabled_key_is_refused_until_it_is_enabled(story: Story) -> None:
    await story.olga(api_key_pb2.DisableApiKeyRequest(name=story.key))
    await story.felt("key_disabled")
    await story.olga(api_key_pb2.EnableApiKeyRequest(name=story.key))
    await story.felt()


async def the_old_secret_of_a_rotated_key_is_good_in_the_overlap_only(story: Story) -> None:
    old = story.secret
    request = api_key_pb2.RotateApiKeyRequest(name=story.key, overlap_duration=Duration(seconds=3))
    rotated = await story.ivy(request)
    story.secret = rotated.secret
    await story.felt()
    assert await story.ask(secret=old) == {}
    overlap_end = rotated.api_key.overlap_end_time.ToDatetime(dt.UTC)
    await asyncio.sleep((overlap_end - dt.datetime.now(dt.UTC)).total_seconds())
    await story.felt("key_expired", secret=old)
    assert await story.ask() == {}


async def everything_is_deleted(story: Story) -> None:
    await story.ivy(api_key_pb2.DeleteApiKeyRequest(name=story.key))
    await story.felt("invalid_api_key")
    story.secret = await create_key(story, "desk")
    await story.felt()
    await story.olga(member_pb2.RemoveMemberRequest(name=f"{story.organization}/members/{story.member_id}"))
    await story.felt("invalid_api_key")
    for group_id in reversed(GROUPS):
        await story.olga(group_pb2.DeleteGroupRequest(name=f"{story.organization}/groups/{group_id}"))
    deleted = await story.olga(organization_pb2.DeleteOrganizationRequest(name=story.organization))
    assert deleted.state == organization_pb2.Organization.STATE_DELETED


async def test_the_whole_story(
    stack: Stack,
    transport: Transport,
    database: asyncpg.Pool,
    pepper: bytes,
    session: aiohttp.ClientSession,
    base_url: str,
) -> None:
    operator = Person(transport, stack.environment["MEGAROUTER_ADMIN_TOKEN"])
    olga, ivy = [await sign_up(transport, database, pepper, name) for name in ("Olga", "Ivy")]
    story = Story(operator, olga, ivy, database, session, base_url)
    await an_organization_with_four_group_levels_is_created(story)
    await a_user_accepts_an_invite_with_its_preset(story)
    await the_member_creates_a_key(story)
    await credit_stops_calls_until_it_is_topped_up(story)
    await a_whitelist_stops_other_models_until_it_names_them(story)
    await every_budget_stops_calls_until_it_is_raised(story)
    await every_rate_stops_calls_until_it_is_raised(story)
    await concurrent_calls_are_stopped_until_more_are_allowed(story)
    await a_disabled_key_is_refused_until_it_is_enabled(story)
    await the_old_secret_of_a_rotated_key_is_good_in_the_overlap_only(story)
    await everything_is_deleted(story)
