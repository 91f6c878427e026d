"""ExplainAccess: whether a call would pass, what would stop it first, and how much is left at every scope."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from redis.asyncio import Redis

from admin_service.wiring import open_service
from gateway_core.runtime.settings import AdminSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.authz_service.conftest import CATALOG

ACME = "organizations/acme"
MEMBER = f"{ACME}/members/member"
KEY = f"{ACME}/apiKeys/key-member"
CREDIT = 10**9
OUTPUT_TOKENS = 10
"""The model of the calls. It costs one credit per output token, and less for input."""


@pytest.fixture
async def explaining(
    settings: AdminSettings, people: None, redis: Redis, owner: asyncpg.Connection
) -> AsyncIterator[Client]:
    """A client of a service with models and credit."""
    await owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = $1 WHERE account = 'CREDIT_POOL'", 1_000 * CREDIT
    )
    async with (
        running_service(settings) as (_, client),
        open_service(settings, Tracing("admin_service", None), CATALOG),
    ):
        yield client


def ask(name: str = MEMBER, model: str = "model-a") -> guardrail_pb2.ExplainAccessRequest:
    return guardrail_pb2.ExplainAccessRequest(name=name, model_name=model, max_output_tokens=OUTPUT_TOKENS)


async def limit(owner: asyncpg.Connection, kind: str, scope: str, **columns: Any) -> None:
    names = list(columns)
    await owner.execute(
        f"INSERT INTO guardrails (organization_id, scope_kind, scope_id, {', '.join(names)})"  # noqa: S608
        f" VALUES ('acme', $1, $2, {', '.join(f'${place}' for place in range(3, 3 + len(names)))})",
        kind, scope, *columns.values(),
    )  # fmt: skip


async def test_a_call_without_limits_passes_every_scope(explaining: Client) -> None:
    explained = await explaining.call("ExplainAccess", ask(KEY), "super")
    assert (explained.passes, explained.reason, explained.stopped_by) == (True, "", "")
    assert explained.amount_nano_credits > 0
    assert [scope.guardrail.rpartition("/")[2] for scope in explained.scopes] == [
        "apikey-key-member", "member-member", "group-platform", "group-eng", "organization",
    ]  # fmt: skip
    assert all(scope.fits and scope.model_allowed and not scope.HasField("budget") for scope in explained.scopes)
    assert explained.credit.limit_nano_credits == explained.credit.remaining_nano_credits == 1_000 * CREDIT


@pytest.mark.parametrize("caller", ["super", "sub", "member"])
async def test_every_scope_is_called_by_its_name(explaining: Client, owner: asyncpg.Connection, caller: str) -> None:
    """A member may know the names of what limits their calls."""
    await owner.execute("UPDATE users SET display_name = 'Mia Meier' WHERE user_id = 'member'")
    await owner.execute("UPDATE groups SET display_name = 'Plattform' WHERE group_id = 'platform'")
    await owner.execute("UPDATE api_keys SET display_name = 'Laptop' WHERE api_key_id = 'key-member'")
    await limit(owner, "group", "platform", budget_nano_credits=1)
    explained = await explaining.call("ExplainAccess", ask(KEY), caller)
    assert [scope.scope_display_name for scope in explained.scopes] == [
        "Laptop",
        "Mia Meier",
        "Plattform",
        "eng",
        "acme",
    ]
    assert explained.stopped_by_display_name == "Plattform"
    await owner.execute("UPDATE users SET display_name = '' WHERE user_id = 'member'")
    explained = await explaining.call("ExplainAccess", ask(MEMBER), caller)
    assert explained.scopes[0].scope_display_name == "member@example.org"


async def test_a_member_is_explained_without_a_key(explaining: Client) -> None:
    explained = await explaining.call("ExplainAccess", ask(MEMBER), "member")
    assert explained.passes
    assert explained.scopes[0].guardrail == f"{ACME}/guardrails/member-member"


async def test_the_budget_that_stops_a_call_is_named_with_what_is_left(
    explaining: Client, owner: asyncpg.Connection
) -> None:
    await limit(owner, "group", "eng", budget_nano_credits=10, cycle="DAILY")
    await owner.execute("UPDATE scope_spend SET settled_nano_credits = 4 WHERE counter LIKE 'group:eng:DAILY:%'")
    explained = await explaining.call("ExplainAccess", ask(KEY))
    assert (explained.passes, explained.reason) == (False, "budget_exhausted")
    assert explained.stopped_by == f"{ACME}/guardrails/group-eng"
    (budget,) = [scope.budget for scope in explained.scopes if scope.HasField("budget")]
    assert (budget.fits, budget.limit_nano_credits, budget.used_nano_credits, budget.remaining_nano_credits) == (
        False,
        10,
        4,
        6,
    )
    rail = await explaining.call("GetGuardrail", guardrail_pb2.GetGuardrailRequest(name=explained.stopped_by))
    assert budget.reset_time == rail.period_end_time


async def test_a_guardrail_in_shadow_mode_lets_the_call_pass_and_shows_that_it_does_not_fit(
    explaining: Client, owner: asyncpg.Connection
) -> None:
    await limit(owner, "member", "member", budget_nano_credits=0, mode="SHADOW")
    explained = await explaining.call("ExplainAccess", ask(MEMBER))
    assert explained.passes
    assert (explained.scopes[0].mode, explained.scopes[0].fits) == (Guardrail.MODE_SHADOW, False)


@pytest.mark.parametrize(
    ("columns", "reason", "state"),
    [
        ({"model_whitelist": ["other/*"]}, "model_not_allowed", None),
        ({"requests_per_minute": 0}, "rate_limited", "requests_per_minute"),
        ({"tokens_per_minute": 1}, "tokens_rate_limited", "tokens_per_minute"),
        ({"concurrency_limit": 0}, "too_many_concurrent_calls", "concurrency"),
    ],
)
async def test_every_limit_can_stop_a_call(
    explaining: Client, owner: asyncpg.Connection, columns: dict[str, Any], reason: str, state: str | None
) -> None:
    await limit(owner, "member", "member", **columns)
    explained = await explaining.call("ExplainAccess", ask(KEY))
    assert (explained.passes, explained.reason) == (False, reason)
    assert explained.stopped_by == f"{ACME}/guardrails/member-member"
    assert explained.message
    assert state is None or not getattr(explained.scopes[1], state).fits


async def test_a_refusal_without_a_guardrail_names_none(explaining: Client, owner: asyncpg.Connection) -> None:
    assert (await explaining.call("ExplainAccess", ask(model="nothing"))).reason == "model_not_found"
    await owner.execute("UPDATE api_keys SET state = 'DISABLED' WHERE api_key_id = 'key-member'")
    explained = await explaining.call("ExplainAccess", ask(KEY))
    assert (explained.reason, explained.stopped_by) == ("key_disabled", "")
    await owner.execute("UPDATE ledger_accounts SET balance_nano_credits = 0")
    assert (await explaining.call("ExplainAccess", ask(MEMBER))).reason == "credit_exhausted"


@pytest.mark.parametrize(("caller", "sees"), [("super", True), ("l1", True), ("sub", False), ("member", False)])
async def test_the_credit_is_shown_only_to_callers_with_permission(explaining: Client, caller: str, sees: bool) -> None:  # noqa: FBT001
    assert (await explaining.call("ExplainAccess", ask(KEY), caller)).HasField("credit") == sees


async def test_a_deleted_key_cannot_be_explained(explaining: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-member'")
    failure = await explaining.failure("ExplainAccess", ask(KEY))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "API_KEY_DELETED")


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        ("member", f"{ACME}/members/below"),
        ("member", f"{ACME}/apiKeys/key-sub"),
        ("sub", f"{ACME}/members/sales"),
        ("stranger", KEY),
        ("super", f"{ACME}/groups/eng"),
        ("super", f"{ACME}/creditBalance"),
        ("super", f"{ACME}/apiKeys/nothing"),
        ("super", ACME),
    ],
)
async def test_only_visible_keys_and_members_are_explained(explaining: Client, caller: str, name: str) -> None:
    assert await explaining.code("ExplainAccess", ask(name), caller) is grpc.StatusCode.PERMISSION_DENIED


async def test_an_explanation_without_redis_is_unavailable(settings: AdminSettings, people: None) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:1")})
    async with running_service(away) as (_, client):
        failure = await client.failure("ExplainAccess", ask())
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert await client.call(
            "GetGuardrail", guardrail_pb2.GetGuardrailRequest(name=f"{ACME}/guardrails/organization")
        )
