"""A call and its explanation give the same status, reason and message, for generated accounts, limits and usage."""

import asyncio
import itertools
import json
import math
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg
import hypothesis
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st
from megarouter.admin.v1 import guardrail_pb2
from redis.asyncio import Redis

from admin_service.access.authorization import Caller, Origin
from admin_service.access.directory import Grant
from admin_service.access.permissions import Actor, Role, Target
from admin_service.api.names import API_KEYS, ResourceName
from admin_service.resources.guardrails.explainer import AccessExplainer
from admin_service.resources.guardrails.explanations import counted_budgets, counters_of
from authz_service.check import AuthzService
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.identity_store import principal_of_api_key
from ratelimit_service.handler import RateLimitHandler
from ratelimit_service.rate_counters import RateCounters
from tests.contract.authz_service.conftest import ADMIN, PEPPER, Answer, amount_of, check_request, checked

CREDIT: Final = 10**9
BODY_BYTES: Final = 100
INPUT_TOKENS: Final = 25
SCOPES: Final = ("api_key", "member", "group", "organization")
_numbers = itertools.count(1)
_TRY_AGAIN: Final = re.compile(r"Try again in (\d+) seconds?\.")

Rail = dict[str, Any]

whitelists = st.sampled_from([None] * 12 + [["model-a"], ["model-b"], ["provider:acme-ai"], []])
rules = st.lists(
    st.tuples(
        st.sampled_from(["", "model-a", "model-b"]),
        st.sampled_from(["HOUR", "DAY"]),
        st.sampled_from([0, 1, 2, 3]),
        st.none(),
    )
    | st.tuples(
        st.sampled_from(["model-a", "model-b"]),
        st.just("MINUTE"),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([10, 60, 200]),
    ),
    max_size=2,
    unique_by=lambda rule: rule[:2],
)
temporary_limits = st.none() | st.fixed_dictionaries(
    {"end_us": st.sampled_from([1, 2**52])},
    optional={
        "budget_nano_credits": st.sampled_from([0, 4 * CREDIT, 20 * CREDIT]),
        "requests_per_minute": st.sampled_from([0, 2, 9]),
        "tokens_per_minute": st.sampled_from([20, 200]),
        "concurrency_limit": st.sampled_from([0, 2, 9]),
    },
)
"""Ended long ago, or still in force."""
soft_budgets = st.sampled_from([None, None, None, {"percent": 50}, {"amount": 2 * CREDIT}, {"soft_only": True}])
rails = st.fixed_dictionaries(
    {
        "budget_nano_credits": st.sampled_from([None, None, None, 0, 4 * CREDIT, 9 * CREDIT, 20 * CREDIT]),
        "cycle": st.sampled_from(["NEVER", "DAILY", "WEEKLY", "MONTHLY"]),
        "mode": st.sampled_from(["ENFORCE", "ENFORCE", "SHADOW"]),
        "model_whitelist": whitelists,
        "requests_per_minute": st.sampled_from([None, None, None, 0, 1, 2, 3]),
        "tokens_per_minute": st.sampled_from([None, None, None, 20, 60, 200]),
        "concurrency_limit": st.sampled_from([None, None, None, 0, 1, 2, 4]),
        "rate_rules": rules,
        "temporary_limit": temporary_limits,
        "soft_budget": soft_budgets,
        "model_budgets": st.sampled_from(
            [
                [],
                [],
                [],
                [["model-a", 4 * CREDIT]],
                [["acme-ai/*", 9 * CREDIT]],
                [["model-b", 0], ["model-a", 20 * CREDIT]],
                [["model-a", 4 * CREDIT, {"cycle": "DAILY", "soft": {"percent": 50}, "rollover": {}}]],
                [["acme-ai/*", CREDIT, {"cycle": "WEEKLY", "soft": {"soft_only": True}}]],
            ]
        ),
        "rollover": st.sampled_from([None, None, {}, {"cap": 3 * CREDIT}]),
    }
)


@dataclass(frozen=True)
class Account:
    """An organization with one group, one member and one key, and their limits."""

    rails: Mapping[str, Rail]
    """The guardrails, by kind of scope."""
    spent: Mapping[str, int]
    """Credits settled on the budgets, by kind of scope."""
    base: int
    """The base of what is carried into the periods, in credits. The periods before have spent two."""
    balance: int
    state: str


@dataclass(frozen=True)
class Step:
    """A call, and the data that Redis loses before it."""

    model: str
    max_tokens: int
    forgotten: str = "nothing"


NORMAL: Final = "normal"
accounts = st.builds(
    Account,
    rails=st.dictionaries(st.sampled_from(SCOPES), rails, max_size=3),
    spent=st.dictionaries(st.sampled_from(SCOPES), st.sampled_from([1, 3, 8]), max_size=2),
    base=st.sampled_from([0, 1, 4, 9]),
    balance=st.sampled_from([1_000] * 8 + [0, 6]),
    state=st.sampled_from([NORMAL] * 24 + ["disabled", "expired", "member suspended", "organization suspended"]),
)
steps = st.lists(
    st.builds(
        Step,
        model=st.sampled_from(["model-a"] * 8 + ["model-b"] * 3 + ["model-c"]),
        max_tokens=st.sampled_from([1, 3, 30]),
        forgotten=st.sampled_from(["nothing"] * 6 + ["everything", "holds", "counters", "since the first call"]),
    ),
    min_size=2,
    max_size=6,
)


def limited(kind: str, **columns: Any) -> Account:
    """Returns an account with one guardrail."""
    plain: Rail = {"cycle": "NEVER", "mode": "ENFORCE", "rate_rules": []}
    return Account({kind: plain | columns}, {}, 4, 1_000, NORMAL)


@dataclass(frozen=True)
class CallerAnswer:
    """The answer that a caller receives."""

    status: int
    reason: str
    message: str
    amount_nano_credits: int | None = None
    has_hold: bool = False


@dataclass(frozen=True, repr=False)
class World:
    """The services that decide and explain, with one PostgreSQL and one Redis."""

    owner: asyncpg.Connection
    redis: Redis
    authz: AuthzService
    rates: RateLimitHandler
    explainer: AccessExplainer

    async def call(self, key: str, step: Step) -> CallerAnswer:
        """Makes the call: asks authz_service, then ratelimit_service if there is a limit of requests."""
        request = check_request({"model": step.model, "max_tokens": step.max_tokens}, key=key)
        answer = Answer(await checked(self.authz, request))
        if not answer.allowed:
            return CallerAnswer(answer.status, answer.code, answer.body["error"]["message"])
        if "rate_limits" in answer.metadata:
            asked = rls_pb2.RateLimitRequest(domain="megarouter")
            entries = asked.descriptors.add().entries
            for name in ("organization", "rate_limits", "dialect"):
                entries.add(key=name, value=answer.metadata[name])
            decided = await self.rates.should_rate_limit(asked.SerializeToString())
            response = rls_pb2.RateLimitResponse.FromString(decided.content)
            if response.overall_code == rls_pb2.RateLimitResponse.OVER_LIMIT:
                error = json.loads(response.raw_body)["error"]
                return CallerAnswer(429, error["code"], error["message"], has_hold=True)
        return CallerAnswer(200, "", "", amount_of(answer), has_hold=True)

    async def explain(self, organization: str, step: Step) -> CallerAnswer:
        """Returns the answer that the explanation predicts."""
        name = ResourceName(organization, API_KEYS, "key")
        actor = Actor(organization, "mia", Role.SUPER_ADMIN, ())
        caller = Caller(Grant("user", "token", None, None), actor, name, Target(organization), Origin())
        request = guardrail_pb2.ExplainAccessRequest(
            name=str(name), model_name=step.model, max_output_tokens=step.max_tokens, body_bytes=BODY_BYTES
        )
        answer = await self.explainer.explain(request, caller)
        assert answer.passes == (answer.reason == "")
        if answer.passes:
            return CallerAnswer(200, "", "", answer.amount_nano_credits)
        status = Refusal(RefusalReason(answer.reason), answer.message).status
        return CallerAnswer(status, answer.reason, answer.message)

    async def keys(self, organization: str) -> list[str]:
        return [key async for key in self.redis.scan_iter(f"mr:{{{organization}}}:*")]

    async def snapshot(self, organization: str) -> Mapping[str, bytes]:
        """Returns all data of the organization in Redis."""
        dumped = [(key, await self.redis.dump(key)) for key in await self.keys(organization)]
        return {key: value for key, value in dumped if value is not None}

    async def forget(self, organization: str, what: str, snapshot: Mapping[str, bytes]) -> None:
        """Makes Redis lose some data."""
        keys = await self.keys(organization)
        if what == "everything" and keys:
            await self.redis.delete(*keys)
        elif what == "holds":
            await self.redis.delete(f"mr:{{{organization}}}:holds")
        elif what == "counters":
            counters = [key for key in keys if ":c:" in key]
            if counters:
                await self.redis.delete(*counters)
        elif what == "since the first call" and snapshot:
            if keys:
                await self.redis.delete(*keys)
            for key, value in snapshot.items():
                await self.redis.restore(key, 0, value)

    async def registered(self, organization: str, holds: int) -> None:
        """Waits until the holds table has `count` holds."""
        query = "SELECT count(*) FROM holds WHERE organization_id = $1"
        while await self.owner.fetchval(query, organization) < holds:
            await asyncio.sleep(0.01)


async def add_account(owner: asyncpg.Connection, account: Account) -> tuple[str, str]:
    """Creates the account, which no service has cached yet, and returns its organization and API key."""
    organization = f"org-{next(_numbers)}"
    key = API_KEY.make(organization.encode().ljust(32, b"."))
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name, time_zone) VALUES ($1, $1, 'UTC')", organization
    )
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ($1, 'g', '{g}', 'g')", organization
    )
    await owner.execute("INSERT INTO users VALUES ($1, $1 || '@acme.example', 'Mia')", organization)
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, 'mia', $1, 'g', 'MEMBER')",
        organization,
    )
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ($1, 'key', 'mia', 'key', $2, 'mr-…')",
        organization, hash_secret(key, bytes.fromhex(PEPPER)),
    )  # fmt: skip
    ids = {"api_key": "key", "member": "mia", "group": "g", "organization": organization}
    for kind, rail in account.rails.items():
        temporary = rail.get("temporary_limit")
        columns = rail | {"rate_rules": json.dumps(rail["rate_rules"])}
        columns["model_budgets"] = json.dumps(rail.get("model_budgets", []))
        columns["rollover"] = None if rail.get("rollover") is None else json.dumps(rail["rollover"])
        columns["temporary_limit"] = json.dumps(temporary) if temporary else None
        columns["soft_budget"] = json.dumps(rail["soft_budget"]) if rail.get("soft_budget") else None
        values = ", ".join(f"${place}" for place in range(4, 4 + len(columns)))
        await owner.execute(
            f"INSERT INTO guardrails (organization_id, scope_kind, scope_id, {', '.join(columns)})"  # noqa: S608
            f" VALUES ($1, $2, $3, {values})",
            organization, kind, ids[kind], *columns.values(),
        )  # fmt: skip
    await owner.execute("UPDATE ledger_heads SET sequence = 1 WHERE organization_id = $1", organization)
    await owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = $2, sequence = 1"
        " WHERE organization_id = $1 AND account = 'CREDIT_POOL'",
        organization, account.balance * CREDIT,
    )  # fmt: skip
    await set_state(owner, organization, account.state)
    principal = await principal_of_api_key(owner, organization, "key")
    assert principal is not None
    for counter in counters_of(principal, time.time(), PeriodClock()):
        await owner.execute(
            "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count) VALUES ($1, $2, $3, 1)"
            " ON CONFLICT (organization_id, counter) DO UPDATE SET settled_nano_credits = excluded.settled_nano_credits",
            organization, counter.encode(), account.spent.get(counter.kind, 0) * CREDIT,
        )  # fmt: skip
    for budget in counted_budgets(principal, time.time(), PeriodClock()):
        if budget.previous is not None:
            await owner.execute(
                "UPDATE budget_carries SET base_nano_credits = $3, cap_nano_credits = $4, previous = $5"
                " WHERE organization_id = $1 AND counter = $2",
                organization, budget.counter.encode(), account.base * CREDIT, 5 * CREDIT, budget.previous.encode(),
            )  # fmt: skip
            await owner.execute(
                "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ($1, $2, $3)"
                " ON CONFLICT DO NOTHING",
                organization, budget.previous.encode(), 2 * CREDIT,
            )  # fmt: skip
    return organization, key


async def set_state(owner: asyncpg.Connection, organization: str, state: str) -> None:
    statements = {
        "disabled": "UPDATE api_keys SET state = 'DISABLED' WHERE organization_id = $1",
        "expired": "UPDATE api_keys SET expire_time = now() - interval '1 hour' WHERE organization_id = $1",
        "member suspended": "UPDATE members SET state = 'SUSPENDED' WHERE organization_id = $1",
        "organization suspended": "UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = $1",
    }
    if state in statements:
        await owner.execute(statements[state], organization)


def assert_same(explained: CallerAnswer, got: CallerAnswer, between_s: float) -> None:
    """Asserts that the answers agree. The seconds to wait may differ by the time that passed between them."""
    assert timeless(explained) == timeless(got)
    assert 0 <= seconds(explained) - seconds(got) <= math.ceil(between_s)


def timeless(answer: CallerAnswer) -> CallerAnswer:
    message = _TRY_AGAIN.sub("Try again.", answer.message)
    return replace(answer, message=message, has_hold=False)


def seconds(answer: CallerAnswer) -> int:
    found = _TRY_AGAIN.search(answer.message)
    return int(found[1]) if found else 0


@pytest.fixture
async def world(
    owner: asyncpg.Connection, redis: Redis, service: AuthzService, admin_login: AuthzSettings
) -> AsyncIterator[World]:
    async with open_pool(admin_login, ADMIN) as pool:
        explainer = AccessExplainer(pool, redis, lambda: time.time_ns() // 1_000)
        yield World(owner, redis, service, RateLimitHandler(RateCounters(redis)), explainer)


# Explaining a failure would run the stack for minutes more than finding and shrinking it.
@hypothesis.settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(account=accounts, calls=steps)
@example(account=limited("api_key", requests_per_minute=2), calls=[Step("model-a", 1)] * 3)
@example(account=limited("member", requests_per_minute=0), calls=[Step("model-a", 1)])
@example(account=limited("group", requests_per_minute=0, mode="SHADOW"), calls=[Step("model-a", 1)])
@example(account=limited("group", concurrency_limit=0, mode="SHADOW"), calls=[Step("model-a", 1)])
@example(account=limited("organization", concurrency_limit=0), calls=[Step("model-a", 1)])
@example(account=limited("member", requests_per_minute=1, budget_nano_credits=CREDIT), calls=[Step("model-a", 1)] * 2)
@example(
    account=limited("member", model_budgets=[["model-b", 0], ["acme-ai/*", 2 * CREDIT]], cycle="DAILY"),
    calls=[Step("model-a", 1), Step("model-b", 1), Step("model-a", 1), Step("model-a", 1, "everything")],
)
@example(
    account=limited("group", budget_nano_credits=CREDIT, soft_budget={"soft_only": True}),
    calls=[Step("model-a", 3)] * 2,
)
@example(
    account=limited("group", temporary_limit={"end_us": 2**52, "requests_per_minute": 1, "concurrency_limit": 9}),
    calls=[Step("model-a", 1)] * 2,
)
@example(
    account=limited("member", budget_nano_credits=CREDIT, cycle="DAILY", rollover={}, soft_budget={"percent": 50}),
    calls=[
        Step("model-a", 1),
        Step("model-a", 1),
        Step("model-a", 3),
        Step("model-a", 1, "everything"),
        Step("model-a", 1),
    ],
)
@example(
    account=limited("group", budget_nano_credits=CREDIT, cycle="WEEKLY", rollover={}),
    calls=[Step("model-a", 1), Step("model-a", 1), Step("model-a", 1, "counters"), Step("model-a", 1)],
)
@example(
    account=limited("member", budget_nano_credits=2 * CREDIT),
    calls=[Step("model-a", 1), Step("model-a", 1), Step("model-a", 1, "since the first call")],
)
async def test_a_call_gets_the_answer_that_its_explanation_predicts(
    world: World, account: Account, calls: list[Step]
) -> None:
    organization, key = await add_account(world.owner, account)
    holds = 0
    snapshot: Mapping[str, bytes] = {}
    for step in calls:
        await world.registered(organization, holds)
        await world.forget(organization, step.forgotten, snapshot)
        begun_s = time.monotonic()
        explained = await world.explain(organization, step)
        got = await world.call(key, step)
        hypothesis.event(got.reason or "passes")
        assert_same(explained, got, time.monotonic() - begun_s)
        holds += got.has_hold
        snapshot = snapshot or await world.snapshot(organization)
