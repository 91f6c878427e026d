"""A limit that was set from above binds the owner of a key, by every way to change it; an organization can require limits."""

import datetime as dt
import json
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import api_key_pb2, guardrail_pb2, organization_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist
from megarouter.admin.v1.organization_pb2 import Organization

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import ACME, NAME, create, name_of, update

RAIL = f"{ACME}/guardrails/apikey-key-member"
SOON, LATER = Timestamp(seconds=4_000_000_000), Timestamp(seconds=4_000_000_900)
DENIED, FAILED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION


def models(*entries: str) -> ModelWhitelist:
    return ModelWhitelist(entries=entries)


async def limit(client: Client, caller: str, paths: list[str] | None = None, **fields: Any) -> Guardrail:
    etag = (await client.call("GetGuardrail", guardrail_pb2.GetGuardrailRequest(name=RAIL), caller)).etag
    rail: Guardrail = await client.call("UpdateGuardrail", limiting(etag, paths, **fields), caller)
    return rail


def limiting(etag: str, paths: list[str] | None = None, **fields: Any) -> guardrail_pb2.UpdateGuardrailRequest:
    return guardrail_pb2.UpdateGuardrailRequest(
        guardrail=Guardrail(name=RAIL, etag=etag, **fields),
        update_mask=FieldMask(paths=paths or []),
        allow_unknown_models=True,
    )


async def refused(client: Client, caller: str, paths: list[str] | None = None, **fields: Any) -> Any:
    etag = (await client.call("GetGuardrail", guardrail_pb2.GetGuardrailRequest(name=RAIL), caller)).etag
    return await client.failure("UpdateGuardrail", limiting(etag, paths, **fields), caller)


KEY_LIMITS: dict[str, tuple[Any, Any, Any]] = {
    "expire_time": (SOON, Timestamp(seconds=3_999_999_999), LATER),
    "ip_allow_list": (["192.0.2.0/24"], ["192.0.2.9"], ["192.0.2.0/24", "198.51.100.0/24"]),
    "model_whitelist": (models("openai/*"), models("openai/a"), models("a")),
}


@pytest.mark.parametrize("field", KEY_LIMITS)
@pytest.mark.parametrize("setter", ["super", "l1", "sub"])
async def test_the_owner_tightens_a_limit_from_above_and_does_not_lift_it(
    client: Client, owner: asyncpg.Connection, field: str, setter: str
) -> None:
    value, tighter, wider = KEY_LIMITS[field]
    await client.call("UpdateApiKey", update(**{field: value}), setter)
    kept = await client.call("UpdateApiKey", update(**{field: tighter}), "member")
    (origin,) = kept.limit_origins
    scope = {"super": ACME, "l1": f"{ACME}/groups/eng", "sub": f"{ACME}/groups/platform"}[setter]
    assert (origin.limit, origin.scope) == (field, scope)
    for request in (update(**{field: wider}), update([field])):
        failure = await client.failure("UpdateApiKey", request, "member")
        assert (failure.code, failure.reason) == (DENIED, "LIMIT_SET_ABOVE")
        assert failure.metadata == {"limit": field, "scope": scope}
    await client.call("UpdateApiKey", update(**{field: value}), "member")
    lifted = await client.call("UpdateApiKey", update([field]), setter)
    assert not lifted.limit_origins
    await client.call("UpdateApiKey", update(**{field: wider}), "member")


async def test_a_limit_from_above_binds_the_admins_below(client: Client) -> None:
    await client.call("UpdateApiKey", update(expire_time=SOON), "l1")
    failure = await client.failure("UpdateApiKey", update(["expire_time"]), "sub")
    assert failure.metadata == {"limit": "expire_time", "scope": f"{ACME}/groups/eng"}
    await client.call("UpdateApiKey", update(["expire_time"]), "super")
    await client.call("UpdateApiKey", update(expire_time=LATER), "sub")


async def test_what_the_owner_sets_the_owner_lifts(client: Client) -> None:
    made = await client.call("CreateApiKey", create(key="own", expire_time=SOON, ip_allow_list=["192.0.2.1"]), "member")
    assert not made.api_key.limit_origins
    cleared = await client.call("UpdateApiKey", update(["expire_time", "ip_allow_list"], "own"), "member")
    assert not cleared.HasField("expire_time")


async def test_the_limits_of_a_key_that_an_admin_creates_bind_its_member(client: Client) -> None:
    request = create("member", "given", expire_time=SOON, model_whitelist=models("openai/*"))
    request.budget_nano_credits, request.budget_cycle = 7, Guardrail.CYCLE_DAILY
    made = await client.call("CreateApiKey", request, "l1")
    assert {origin.limit for origin in made.api_key.limit_origins} == {"budget", "expire_time", "model_whitelist"}
    assert made.api_key.budget_nano_credits == 7
    for path in ("expire_time", "model_whitelist"):
        assert (await client.failure("UpdateApiKey", update([path], "given"), "member")).reason == "LIMIT_SET_ABOVE"
    name = f"{ACME}/guardrails/apikey-given"
    failure = await client.failure("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=name), "member")
    assert failure.reason == "LIMIT_SET_ABOVE"


RATES = [Guardrail.RateLimit(unit=Guardrail.RateLimit.UNIT_HOUR, requests=5)]
RAIL_LIMITS: dict[str, tuple[Any, Any]] = {
    "budget_nano_credits": (10, 11),
    "requests_per_minute": (10, 11),
    "tokens_per_minute": (10, 11),
    "concurrency_limit": (10, 11),
    "model_whitelist": (models("openai/*"), models("a")),
    "rate_limits": (RATES, [Guardrail.RateLimit(unit=Guardrail.RateLimit.UNIT_HOUR, requests=6)]),
}


@pytest.mark.parametrize("field", RAIL_LIMITS)
async def test_each_limit_of_the_guardrail_binds_the_owner(
    client: Client, owner: asyncpg.Connection, field: str
) -> None:
    value, wider = RAIL_LIMITS[field]
    await limit(client, "l1", **{field: value})
    before = await owner.fetch("SELECT * FROM guardrails")
    for paths, fields in (
        ([field], {field: wider}),
        ([field], {}),
        (["*"], {}),
        (["mode"], {"mode": Guardrail.MODE_SHADOW}),
    ):
        failure = await refused(client, "member", paths, **fields)
        assert (failure.code, failure.reason) == (DENIED, "LIMIT_SET_ABOVE"), (paths, fields)
        assert failure.metadata["scope"] == f"{ACME}/groups/eng"
    failure = await client.failure("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=RAIL), "member")
    assert failure.reason == "LIMIT_SET_ABOVE"
    assert await owner.fetch("SELECT * FROM guardrails") == before
    await limit(client, "member", concurrency_limit=1)
    await client.call("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=RAIL), "l1")
    await limit(client, "member", [field], **{field: wider})


async def test_another_cycle_is_wider(client: Client) -> None:
    await limit(client, "l1", budget_nano_credits=10, cycle=Guardrail.CYCLE_MONTHLY)
    failure = await refused(client, "member", ["cycle"], cycle=Guardrail.CYCLE_DAILY)
    assert failure.metadata["limit"] == "budget"


async def test_the_same_value_from_above_binds_too(client: Client) -> None:
    await limit(client, "member", requests_per_minute=10)
    await limit(client, "sub", requests_per_minute=10)
    assert (await refused(client, "member", ["requests_per_minute"])).reason == "LIMIT_SET_ABOVE"


async def test_a_limit_from_above_ends_the_owners_shadow_mode(client: Client) -> None:
    """Otherwise an owner could make limits from above ineffective before they are set."""
    await limit(client, "member", mode=Guardrail.MODE_SHADOW, requests_per_minute=10)
    assert (await limit(client, "l1", requests_per_minute=5)).mode == Guardrail.MODE_ENFORCE
    await limit(client, "l1", ["mode", "requests_per_minute"], mode=Guardrail.MODE_SHADOW)
    await limit(client, "l1", requests_per_minute=4)
    assert (await limit(client, "l1", concurrency_limit=4)).mode == Guardrail.MODE_SHADOW


async def test_a_whitelist_from_above_ends_the_owners_shadow_mode(client: Client, owner: asyncpg.Connection) -> None:
    await limit(client, "member", mode=Guardrail.MODE_SHADOW)
    await client.call("UpdateApiKey", update(model_whitelist=models("a")), "l1")
    assert await owner.fetchval("SELECT mode FROM guardrails WHERE scope_id = 'key-member'") == "ENFORCE"


async def test_the_origin_is_in_the_audit_log(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("UpdateApiKey", update(expire_time=SOON), "l1")
    after = await owner.fetchval("SELECT after::text FROM audit_log ORDER BY sequence DESC LIMIT 1")
    assert f"{ACME}/groups/eng" in after


async def test_a_member_who_moved_is_bound_by_the_former_group(client: Client, owner: asyncpg.Connection) -> None:
    """Only a Super Admin is above both."""
    await client.call("UpdateApiKey", update(expire_time=SOON), "l1")
    await owner.execute("UPDATE members SET group_id = 'sales' WHERE member_id = 'member'")
    assert (await client.failure("UpdateApiKey", update(["expire_time"]), "member")).reason == "LIMIT_SET_ABOVE"
    await client.call("UpdateApiKey", update(["expire_time"]), "super")


# What the organization requires.


async def require(client: Client, **fields: Any) -> Organization:
    organization = Organization(name=ACME, key_requirements=Organization.KeyRequirements(**fields))
    request = organization_pb2.UpdateOrganizationRequest(
        organization=organization, update_mask=FieldMask(paths=["key_requirements"])
    )
    answer: Organization = await client.call("UpdateOrganization", request)
    return answer


def in_days(days: int) -> Timestamp:
    return Timestamp(seconds=int(dt.datetime.now(dt.UTC).timestamp()) + days * 86_400)


async def test_an_organization_requires_limits_of_new_keys(client: Client, owner: asyncpg.Connection) -> None:
    shown = await require(
        client, max_life_duration=Duration(seconds=90 * 86_400), requires_model_whitelist=True, requires_budget=True
    )
    assert shown.key_requirements.requires_budget
    good = create(key="good", expire_time=in_days(89), model_whitelist=models("a"))
    good.budget_nano_credits = 5
    for member in ("member", "super"):
        for field, what in (("expire_time", "expire_time"), ("model_whitelist", "model_whitelist")):
            request = api_key_pb2.CreateApiKeyRequest()
            request.CopyFrom(good)
            request.api_key.ClearField(field)  # type: ignore[arg-type] # one of its fields
            failure = await client.failure("CreateApiKey", request, member)
            assert (failure.code, failure.reason, failure.metadata) == (
                FAILED,
                "KEY_REQUIREMENT_UNMET",
                {"limit": what},
            )
    late = create(key="late", expire_time=in_days(91), model_whitelist=models("a"))
    late.budget_nano_credits = 5
    assert (await client.failure("CreateApiKey", late, "member")).metadata == {"limit": "expire_time"}
    poor = create(key="poor", expire_time=in_days(89), model_whitelist=models("a"))
    assert (await client.failure("CreateApiKey", poor, "member")).metadata == {"limit": "budget_nano_credits"}
    assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE api_key_id IN ('good', 'late', 'poor')") == 0
    await client.call("CreateApiKey", good, "member")


async def test_required_limits_cannot_be_removed(client: Client) -> None:
    key = create(key="key", expire_time=in_days(80), model_whitelist=models("a"))
    key.budget_nano_credits = 5
    await client.call("CreateApiKey", key, "member")
    await require(
        client, max_life_duration=Duration(seconds=90 * 86_400), requires_model_whitelist=True, requires_budget=True
    )
    for path in ("expire_time", "model_whitelist"):
        for caller in ("member", "super"):
            failure = await client.failure("UpdateApiKey", update([path], "key"), caller)
            assert failure.reason == "KEY_REQUIREMENT_UNMET"
    name = f"{ACME}/guardrails/apikey-key"
    failure = await client.failure("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=name), "super")
    assert failure.reason == "KEY_REQUIREMENT_UNMET"
    await client.call("UpdateApiKey", update(key="key", display_name="Renamed"), "member")


async def test_an_older_key_can_be_changed_otherwise(client: Client) -> None:
    await require(client, requires_model_whitelist=True)
    await client.call("UpdateApiKey", update(display_name="Renamed"), "member")
    assert (await require(client)).HasField("key_requirements") is False
    key = await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME), "member")
    assert key.name == name_of("key-member")


@pytest.mark.parametrize(
    "life", [Duration(), Duration(seconds=-1), Duration(seconds=1, nanos=5), Duration(seconds=10**10)]
)
async def test_a_longest_life_out_of_range_is_refused(client: Client, life: Duration) -> None:
    organization = Organization(name=ACME, key_requirements=Organization.KeyRequirements(max_life_duration=life))
    request = organization_pb2.UpdateOrganizationRequest(organization=organization)
    failure = await client.failure("UpdateOrganization", request)
    assert failure.fields == ("organization.key_requirements.max_life_duration",)


async def test_the_budget_of_a_new_key_carries_over_within_what_a_default_allows(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    request = create("member", key="carrying")
    request.budget_nano_credits, request.budget_cycle = 7, Guardrail.CYCLE_DAILY
    request.budget_rollover.CopyFrom(Guardrail.Rollover(enabled=True, cap_nano_credits=3))
    await client.call("CreateApiKey", request)
    stored = "SELECT rollover FROM guardrails WHERE scope_id = $1"
    assert json.loads(await owner.fetchval(stored, "carrying")) == {"cap": 3}
    await owner.execute(
        "INSERT INTO guardrail_defaults (organization_id, scope_kind, scope_id, key_limits)"
        " VALUES ('acme', 'organization', 'acme', $1)",
        json.dumps({"budget": [7, "DAILY", 2]}),
    )
    request.api_key_id = "carrying-more"
    assert (await client.failure("CreateApiKey", request, "member")).reason == "LIMIT_SET_ABOVE"
    request.budget_rollover.cap_nano_credits = 2
    await client.call("CreateApiKey", request, "member")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"budget_rollover": Guardrail.Rollover(enabled=True)}, "budget_rollover"),
        ({"budget_nano_credits": 5, "budget_rollover": Guardrail.Rollover(enabled=True)}, "budget_rollover"),
        ({"budget_rollover": Guardrail.Rollover(cap_nano_credits=5)}, "budget_rollover.enabled"),
        ({"budget_cycle": Guardrail.CYCLE_DAILY}, "budget_cycle"),
    ],
)
async def test_a_rollover_of_a_new_key_needs_a_budget_with_periods(
    client: Client, people: None, fields: dict[str, Any], field: str
) -> None:
    request = create("member")
    request.MergeFrom(api_key_pb2.CreateApiKeyRequest(**fields))
    assert (await client.failure("CreateApiKey", request)).fields == (field,)
