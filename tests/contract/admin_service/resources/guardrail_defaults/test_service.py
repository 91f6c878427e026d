"""Defaults: new members and keys begin with the nearest limits, existing ones change only by ApplyGuardrailDefault."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import api_key_pb2, guardrail_default_pb2
from megarouter.admin.v1.guardrail_default_pb2 import DefaultLimits, GuardrailDefault
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.member_limits_pb2 import MemberLimits
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import create
from tests.contract.admin_service.resources.guardrails.guardrail_requests import ACME, get, set_limits
from tests.contract.admin_service.resources.guardrails.guardrail_requests import update as update_guardrail
from tests.contract.admin_service.resources.invites.calls import accept, add_user, invited
from tests.contract.admin_service.resources.service_accounts.calls import create as create_account

DENIED = grpc.StatusCode.PERMISSION_DENIED
RATE = Guardrail.RateLimit(unit=Guardrail.RateLimit.UNIT_DAY, requests=1_000)


def name_of(default: str) -> str:
    return f"{ACME}/guardrailDefaults/{default}"


def read(default: str) -> guardrail_default_pb2.GetGuardrailDefaultRequest:
    return guardrail_default_pb2.GetGuardrailDefaultRequest(name=name_of(default))


def update(
    default: str, paths: Sequence[str] = (), *, validate_only: bool = False, **fields: Any
) -> guardrail_default_pb2.UpdateGuardrailDefaultRequest:
    return guardrail_default_pb2.UpdateGuardrailDefaultRequest(
        guardrail_default=GuardrailDefault(name=name_of(default), **fields),
        update_mask=FieldMask(paths=paths),
        validate_only=validate_only,
        allow_unknown_models=True,
    )


async def set_default(client: Client, default: str, caller: str = "super", **fields: Any) -> GuardrailDefault:
    etag = (await client.call("GetGuardrailDefault", read(default))).etag
    changed: GuardrailDefault = await client.call(
        "UpdateGuardrailDefault", update(default, etag=etag, **fields), caller
    )
    return changed


async def apply(
    client: Client, default: str, caller: str = "super", *, validate_only: bool = False
) -> dict[str, list[str]]:
    request = guardrail_default_pb2.ApplyGuardrailDefaultRequest(name=name_of(default), validate_only=validate_only)
    answer = await client.call("ApplyGuardrailDefault", request, caller)
    assert answer.changed_count == len(answer.changes)
    return {change.guardrail.rpartition("/")[2]: list(change.limits) for change in answer.changes}


async def joined(client: Client, owner: asyncpg.Connection, user: str, group: str = "platform") -> Guardrail:
    """Lets a new user join a group and returns the guardrail of the member."""
    await add_user(owner, user)
    invite = await invited(client, group=group)
    member = (await client.call("AcceptInvite", accept(invite.token), user)).member
    rail: Guardrail = await client.call("GetGuardrail", get(f"member-{member.rpartition('/')[2]}"))
    return rail


CARRYING = DefaultLimits(
    budget_nano_credits=50,
    cycle=Guardrail.CYCLE_MONTHLY,
    rollover=Guardrail.Rollover(enabled=True, cap_nano_credits=20),
)


async def test_a_budget_to_begin_with_carries_over(client: Client, owner: asyncpg.Connection, people: None) -> None:
    """It binds a key's member together with its cap."""
    made = await set_default(client, "organization", member_limits=CARRYING, key_limits=CARRYING)
    assert made.member_limits == CARRYING
    rail = await joined(client, owner, "nora")
    assert (rail.budget_nano_credits, rail.cycle, rail.rollover) == (50, CARRYING.cycle, CARRYING.rollover)
    assert await owner.fetchval("SELECT count(*) FROM budget_carries WHERE budget LIKE 'member:%'") == 1
    await client.call("CreateApiKey", create(key="new"), "member")
    key = await client.call("GetGuardrail", get("apikey-new"), "member")
    assert key.rollover == CARRYING.rollover
    wider = update_guardrail(
        "apikey-new", ["rollover"], etag=key.etag, rollover=Guardrail.Rollover(enabled=True, cap_nano_credits=21)
    )
    assert (await client.failure("UpdateGuardrail", wider, "member")).reason == "LIMIT_SET_ABOVE"


async def test_a_default_of_one_budget_carries_one_budget(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    limits = DefaultLimits()
    limits.CopyFrom(CARRYING)
    limits.rollover.ClearField("cap_nano_credits")
    assert (await set_default(client, "organization", member_limits=limits)).member_limits == limits
    assert (await joined(client, owner, "nora")).rollover == limits.rollover


async def test_applying_a_default_leaves_a_rollover_that_somebody_set(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    mine = Guardrail.Rollover(enabled=True, cap_nano_credits=7)
    fields: dict[str, Any] = {"budget_nano_credits": 9, "cycle": Guardrail.CYCLE_DAILY, "rollover": mine}
    await set_limits(client, "member-below", **fields)
    await set_default(client, "organization", member_limits=CARRYING)
    changed = await apply(client, "organization")
    assert changed
    assert "member-below" not in changed
    await set_default(client, "organization", member_limits=DefaultLimits(requests_per_minute=6))
    assert "member-below" in await apply(client, "organization")
    rail = await client.call("GetGuardrail", get("member-below"))
    assert (rail.budget_nano_credits, rail.rollover, rail.requests_per_minute) == (9, mine, 6)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (DefaultLimits(rollover=Guardrail.Rollover(enabled=True)), "rollover"),
        (DefaultLimits(budget_nano_credits=5, rollover=Guardrail.Rollover(enabled=True)), "rollover"),
        (DefaultLimits(budget_nano_credits=5, rollover=Guardrail.Rollover(cap_nano_credits=5)), "rollover.enabled"),
    ],
)
async def test_a_rollover_without_a_budget_with_periods_is_refused(
    client: Client, people: None, limits: DefaultLimits, field: str
) -> None:
    failure = await client.failure("UpdateGuardrailDefault", update("organization", member_limits=limits))
    assert failure.fields == (f"guardrail_default.member_limits.{field}",)


async def test_an_admin_gives_no_budget_that_carries_more_than_the_own_group_may_spend(
    client: Client, people: None
) -> None:
    """Seen to fail without the carry in what a default grants."""
    await set_limits(client, "group-eng", budget_nano_credits=60, cycle=Guardrail.CYCLE_MONTHLY)
    request = update("group-platform", member_limits=CARRYING)
    assert (await client.failure("UpdateGuardrailDefault", request, "l1")).reason == "LIMIT_ABOVE_OWN"
    narrow = DefaultLimits()
    narrow.CopyFrom(CARRYING)
    narrow.rollover.cap_nano_credits = 10
    await client.call("UpdateGuardrailDefault", update("group-platform", member_limits=narrow), "l1")


def origins(rail: Guardrail) -> dict[str, str]:
    return {origin.limit: origin.scope for origin in rail.default_origins}


async def test_a_default_is_stored_and_returned(client: Client, owner: asyncpg.Connection) -> None:
    empty = await client.call("GetGuardrailDefault", read("group-eng"))
    assert empty == GuardrailDefault(name=name_of("group-eng"), scope=f"{ACME}/groups/eng", etag=empty.etag)
    limits = DefaultLimits(
        budget_nano_credits=5, cycle=Guardrail.CYCLE_DAILY, requests_per_minute=1, tokens_per_minute=2,
        concurrency_limit=0, model_whitelist=ModelWhitelist(entries=["a"]), rate_limits=[RATE], key_limit=3,
    )  # fmt: skip
    made = await set_default(client, "group-eng", member_limits=limits)
    assert made.member_limits == limits
    assert await client.call("GetGuardrailDefault", read("group-eng"), "member") == made
    listing = guardrail_default_pb2.ListGuardrailDefaultsRequest(parent=ACME)
    assert list((await client.call("ListGuardrailDefaults", listing, "member")).guardrail_defaults) == [made]
    assert list((await client.call("ListGuardrailDefaults", listing, "sales")).guardrail_defaults) == []
    assert await owner.fetchval("SELECT resource_name FROM audit_log") == name_of("group-eng")
    cleared = await client.call("UpdateGuardrailDefault", update("group-eng", ["member_limits"], etag=made.etag))
    assert not cleared.HasField("member_limits")


async def test_a_new_member_begins_with_the_nearest_limits(client: Client, owner: asyncpg.Connection) -> None:
    await set_default(
        client, "organization", member_limits=DefaultLimits(budget_nano_credits=9, key_limit=2, concurrency_limit=7)
    )
    await set_default(
        client, "group-eng",
        member_limits=DefaultLimits(budget_nano_credits=5, cycle=Guardrail.CYCLE_DAILY, rate_limits=[RATE]),
    )  # fmt: skip
    rail = await joined(client, owner, "newcomer")
    assert (rail.budget_nano_credits, rail.cycle, rail.key_limit, rail.concurrency_limit) == (
        5,
        Guardrail.CYCLE_DAILY,
        2,
        7,
    )
    assert list(rail.rate_limits) == [RATE]
    assert origins(rail) == {
        "budget": f"{ACME}/groups/eng", "rate_limits": f"{ACME}/groups/eng", "concurrency_limit": ACME, "key_limit": ACME,
    }  # fmt: skip
    changed = await set_limits(client, rail.name.rpartition("/")[2], concurrency_limit=1)
    assert "concurrency_limit" not in origins(changed)
    assert "budget" in origins(changed)
    assert (await joined(client, owner, "seller", "sales")).budget_nano_credits == 9


async def test_a_new_service_account_begins_with_the_limits_of_its_group(client: Client) -> None:
    await set_default(client, "group-eng", member_limits=DefaultLimits(concurrency_limit=4))
    account = await client.call("CreateServiceAccount", create_account(), "super")
    rail = await client.call("GetGuardrail", get(f"serviceaccount-{account.name.rpartition('/')[2]}"))
    assert (rail.concurrency_limit, origins(rail)) == (4, {"concurrency_limit": f"{ACME}/groups/eng"})
    await set_default(client, "group-eng", member_limits=DefaultLimits(concurrency_limit=3))
    assert rail.name.rpartition("/")[2] in await apply(client, "group-eng")


async def test_the_limits_of_an_invite_win_over_a_default_and_leave_the_others(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail when the limits of an invite drop the marks of all others."""
    await set_default(client, "group-eng", member_limits=DefaultLimits(budget_nano_credits=5, concurrency_limit=4))
    await add_user(owner, "newcomer")
    invite = await invited(client, group="platform", member_limits=MemberLimits(budget_nano_credits=7))
    member = (await client.call("AcceptInvite", accept(invite.token), "newcomer")).member
    rail = await client.call("GetGuardrail", get(f"member-{member.rpartition('/')[2]}"))
    assert (rail.budget_nano_credits, rail.concurrency_limit) == (7, 4)
    assert origins(rail) == {"concurrency_limit": f"{ACME}/groups/eng"}


async def test_without_defaults_newcomers_have_no_guardrail(client: Client, owner: asyncpg.Connection) -> None:
    await joined(client, owner, "newcomer")
    await client.call("CreateApiKey", create(key="new"), "member")
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_a_new_key_begins_with_limits_that_bind_its_member(client: Client) -> None:
    await set_default(client, "group-eng", key_limits=DefaultLimits(budget_nano_credits=50, requests_per_minute=6))
    key = (await client.call("CreateApiKey", create(key="new"), "member")).api_key
    assert {origin.limit: origin.scope for origin in key.limit_origins} == {
        "budget": f"{ACME}/groups/eng", "requests_per_minute": f"{ACME}/groups/eng",
    }  # fmt: skip
    rail = await client.call("GetGuardrail", get("apikey-new"), "member")
    assert (rail.budget_nano_credits, rail.requests_per_minute) == (50, 6)
    assert origins(rail) == {"budget": f"{ACME}/groups/eng", "requests_per_minute": f"{ACME}/groups/eng"}
    tightened = await set_limits(client, "apikey-new", "member", requests_per_minute=5)
    assert origins(tightened) == {"budget": f"{ACME}/groups/eng"}
    with pytest.raises(grpc.aio.AioRpcError, match="was set by an admin"):
        await set_limits(client, "apikey-new", "member", requests_per_minute=7)
    assert (await set_limits(client, "apikey-new", "l1", requests_per_minute=7)).requests_per_minute == 7


@pytest.mark.parametrize(
    ("caller", "budget", "reason"),
    [
        ("member", 40, ""),
        ("member", 60, "LIMIT_SET_ABOVE"),
        ("sub", 60, "LIMIT_SET_ABOVE"),
        ("l1", 60, ""),
        ("super", 60, ""),
    ],
)
async def test_a_request_may_name_a_wider_limit_only_where_the_default_may_be_lifted(
    client: Client, caller: str, budget: int, reason: str
) -> None:
    await set_default(client, "group-eng", key_limits=DefaultLimits(budget_nano_credits=50))
    request = create("member", key="new")
    request.budget_nano_credits = budget
    if reason:
        assert (await client.failure("CreateApiKey", request, caller)).reason == reason
        return
    await client.call("CreateApiKey", request, caller)
    rail = await client.call("GetGuardrail", get("apikey-new"))
    assert (rail.budget_nano_credits, origins(rail)) == (budget, {})


async def test_a_default_budget_meets_what_the_organization_requires(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE organizations SET key_requires_budget = true")
    assert (await client.failure("CreateApiKey", create(key="new"), "member")).reason == "KEY_REQUIREMENT_UNMET"
    await set_default(client, "organization", key_limits=DefaultLimits(budget_nano_credits=50))
    await client.call("CreateApiKey", create(key="new"), "member")


async def test_changing_a_default_changes_no_one_until_it_is_applied(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "member-below", budget_nano_credits=33)
    await set_limits(client, "apikey-key-member", "member", requests_per_minute=3)
    limits = DefaultLimits(budget_nano_credits=20, requests_per_minute=8)
    await set_default(client, "group-platform", member_limits=limits, key_limits=limits)
    before = await owner.fetch("SELECT * FROM guardrails ORDER BY scope_id")
    predicted = await apply(client, "group-platform", validate_only=True)
    assert predicted == {
        "apikey-key-below": ["budget", "requests_per_minute"], "apikey-key-member": ["budget"],
        "apikey-key-sub": ["budget", "requests_per_minute"], "member-below": ["requests_per_minute"],
        "member-member": ["budget", "requests_per_minute"], "member-sub": ["budget", "requests_per_minute"],
    }  # fmt: skip
    assert await owner.fetch("SELECT * FROM guardrails ORDER BY scope_id") == before
    assert await apply(client, "group-platform") == predicted
    assert (await client.call("GetGuardrail", get("member-below"))).budget_nano_credits == 33
    rail = await client.call("GetGuardrail", get("apikey-key-member"))
    assert (rail.budget_nano_credits, rail.requests_per_minute) == (20, 3)
    assert origins(rail) == {"budget": f"{ACME}/groups/platform"}
    key = await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=f"{ACME}/apiKeys/key-member"))
    assert [origin.limit for origin in key.limit_origins] == ["budget"]
    assert await apply(client, "group-platform") == {}
    logged = await owner.fetch("SELECT resource_name FROM audit_log WHERE method LIKE '%ApplyGuardrailDefault'")
    assert {row[0].rpartition("/")[2] for row in logged} == predicted.keys()


async def test_applying_replaces_what_an_earlier_default_set(client: Client, owner: asyncpg.Connection) -> None:
    await set_default(client, "group-eng", member_limits=DefaultLimits(concurrency_limit=4))
    rail = await joined(client, owner, "newcomer")
    default = await set_default(client, "group-eng", member_limits=DefaultLimits(concurrency_limit=2))
    assert (await client.call("GetGuardrail", get(rail.name.rpartition("/")[2]))).concurrency_limit == 4
    assert rail.name.rpartition("/")[2] in await apply(client, "group-eng")
    assert (await client.call("GetGuardrail", get(rail.name.rpartition("/")[2]))).concurrency_limit == 2
    assert default.member_limits.concurrency_limit == 2


async def test_a_limit_of_a_nearer_default_is_not_replaced_by_one_further_up(client: Client) -> None:
    await set_default(client, "group-platform", member_limits=DefaultLimits(concurrency_limit=4))
    await set_default(client, "group-eng", member_limits=DefaultLimits(concurrency_limit=2))
    assert set(await apply(client, "group-eng")) == {"member-l1", "member-l1-peer"}


async def test_a_group_admin_applies_to_those_they_may_change(client: Client) -> None:
    limits = DefaultLimits(concurrency_limit=4)
    await set_default(client, "group-platform", "sub", member_limits=limits, key_limits=limits)
    assert set(await apply(client, "group-platform", "sub")) == {
        "member-member", "member-below", "apikey-key-member", "apikey-key-below", "apikey-key-sub",
    }  # fmt: skip


async def test_a_group_admin_cannot_default_more_than_they_hold(client: Client) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=100)
    wide = update("group-platform", member_limits=DefaultLimits(budget_nano_credits=101))
    assert (await client.failure("UpdateGuardrailDefault", wide, "sub")).reason == "LIMIT_ABOVE_OWN"
    await set_default(client, "group-platform", "sub", member_limits=DefaultLimits(budget_nano_credits=100))
    await set_limits(client, "group-eng", budget_nano_credits=50)
    request = guardrail_default_pb2.ApplyGuardrailDefaultRequest(name=name_of("group-platform"))
    assert (await client.failure("ApplyGuardrailDefault", request, "sub")).reason == "LIMIT_ABOVE_OWN"


@pytest.mark.parametrize(
    ("caller", "default", "allowed"),
    [
        ("sub", "group-platform", True), ("sub", "group-inference", True), ("l1", "group-eng", True),
        ("sub", "group-eng", False), ("l1", "organization", False), ("l1", "group-sales", False),
        ("member", "group-platform", False), ("stranger", "organization", False), ("super", "member-member", False),
    ],
)  # fmt: skip
async def test_admins_set_the_default_of_their_own_group_and_below(
    client: Client,
    caller: str,
    default: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    request = update(default, member_limits=DefaultLimits(concurrency_limit=1))
    assert (await client.code("UpdateGuardrailDefault", request, caller) is grpc.StatusCode.OK) == allowed


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key_limits": DefaultLimits(key_limit=1)}, "guardrail_default.key_limits.key_limit"),
        ({"member_limits": DefaultLimits(cycle=Guardrail.CYCLE_DAILY)}, "guardrail_default.member_limits.cycle"),
        (
            {"member_limits": DefaultLimits(model_whitelist=ModelWhitelist(entries=["a*"]))},
            "guardrail_default.member_limits.model_whitelist.entries",
        ),
        ({"member_limits": DefaultLimits(rate_limits=[RATE, RATE])}, "guardrail_default.member_limits.rate_limits[1]"),
        (
            {"member_limits": DefaultLimits(budget_nano_credits=-1)},
            "guardrail_default.member_limits.budget_nano_credits",
        ),
    ],
)
async def test_a_bad_default_is_refused(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], field: str
) -> None:
    failure = await client.failure("UpdateGuardrailDefault", update("group-eng", **fields))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))
    assert await owner.fetchval("SELECT count(*) FROM guardrail_defaults") == 0


async def test_the_etag_is_required_once_the_default_was_set_and_one_of_several_changes_succeeds(
    client: Client,
) -> None:
    etag = (await set_default(client, "group-eng", key_limits=DefaultLimits(concurrency_limit=1))).etag
    failure = await client.failure(
        "UpdateGuardrailDefault", update("group-eng", key_limits=DefaultLimits(concurrency_limit=2))
    )
    assert failure.fields == ("guardrail_default.etag",)
    changes = (update("group-eng", etag=etag, key_limits=DefaultLimits(concurrency_limit=most)) for most in range(2, 7))
    codes = await asyncio.gather(*(client.code("UpdateGuardrailDefault", change, "super") for change in changes))
    assert sorted(code.name for code in codes) == ["ABORTED"] * 4 + ["OK"]


async def test_no_key_escapes_a_default_that_is_applied_while_keys_are_created(client: Client) -> None:
    await set_default(client, "group-platform", key_limits=DefaultLimits(concurrency_limit=1))
    await asyncio.gather(
        apply(client, "group-platform"),
        *(client.call("CreateApiKey", create(key=f"new-{number}"), "member") for number in range(6)),
    )
    for number in range(6):
        assert (await client.call("GetGuardrail", get(f"apikey-new-{number}"))).concurrency_limit == 1


async def test_the_default_of_a_deleted_group_is_neither_listed_nor_set(
    client: Client, owner: asyncpg.Connection
) -> None:
    await set_default(client, "group-sales", member_limits=DefaultLimits(concurrency_limit=1))
    await owner.execute("UPDATE groups SET delete_time = now() WHERE group_id = 'sales'")
    listing = guardrail_default_pb2.ListGuardrailDefaultsRequest(parent=ACME)
    assert list((await client.call("ListGuardrailDefaults", listing)).guardrail_defaults) == []
    request = update("group-sales", member_limits=DefaultLimits(concurrency_limit=2))
    assert (await client.failure("UpdateGuardrailDefault", request)).reason == "STATE_UNSUITABLE"


async def test_validate_only_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    would_be = await client.call(
        "UpdateGuardrailDefault",
        update("group-eng", validate_only=True, member_limits=DefaultLimits(concurrency_limit=1)),
    )
    assert would_be.member_limits.concurrency_limit == 1
    assert would_be.etag == (await client.call("GetGuardrailDefault", read("group-eng"))).etag
    assert await owner.fetchval("SELECT count(*) FROM guardrail_defaults") == 0
    assert DENIED is await client.code("UpdateGuardrailDefault", update("group-eng", validate_only=True), "sub")
