"""Policies are set by the admins of their scope, and explanations decide as calls do."""

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import routing_policy_pb2, virtual_model_pb2
from megarouter.admin.v1.catalog_pb2 import ModelDeployment
from megarouter.admin.v1.routing_policy_pb2 import RoutingPolicy
from megarouter.admin.v1.virtual_model_pb2 import VirtualModel

from deploy.local.programs.redis import RedisServer
from gateway_core.model.catalog_file import load_catalog
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.redis.connections import open_redis
from gateway_core.stores.redis.deployments import HEALTH_KEY
from tests.contract.admin_service.conftest import Client
from tests.support.repository import ROOT

ACME = "organizations/acme"
DENIED = grpc.StatusCode.PERMISSION_DENIED
STRONG, LIGHT = "gpt-4o", "gpt-4o-mini"


@pytest.fixture(autouse=True)
async def catalog(owner: asyncpg.Connection, client: Client) -> None:
    """The models on offer, in place of the empty catalog that the service begins with."""
    await sync_catalog(owner, load_catalog(ROOT / "deploy" / "catalog" / "catalog.yaml"))


async def set_policy(client: Client, scope: str, member: str = "super", **fields: object) -> RoutingPolicy:
    policy = RoutingPolicy(name=f"{ACME}/routingPolicies/{scope}", **fields)  # type: ignore[arg-type]
    request = routing_policy_pb2.UpdateRoutingPolicyRequest(routing_policy=policy)
    changed: RoutingPolicy = await client.call("UpdateRoutingPolicy", request, member)
    return changed


async def policy_of(client: Client, scope: str, member: str = "super") -> RoutingPolicy:
    request = routing_policy_pb2.GetRoutingPolicyRequest(name=f"{ACME}/routingPolicies/{scope}")
    found: RoutingPolicy = await client.call("GetRoutingPolicy", request, member)
    return found


async def explained(client: Client, **fields: object) -> routing_policy_pb2.ExplainRoutingResponse:
    values = {"name": f"{ACME}/members/member", "model_name": "assistant", **fields}
    request = routing_policy_pb2.ExplainRoutingRequest(**values)  # type: ignore[arg-type]
    found: routing_policy_pb2.ExplainRoutingResponse = await client.call("ExplainRouting", request)
    return found


async def add_virtual_model(client: Client) -> None:
    loss = VirtualModel.MeasuredLoss(use_case="summaries", model_name=LIGHT, loss_basis_points=80)
    wanted = VirtualModel(
        model_name="assistant",
        owner=ACME,
        candidate_models=[STRONG, LIGHT],
        baseline_model=STRONG,
        measured_losses=[loss],
    )
    await client.call(
        "CreateVirtualModel", virtual_model_pb2.CreateVirtualModelRequest(parent=ACME, virtual_model=wanted)
    )


async def test_a_policy_says_nothing_until_it_is_set_and_nothing_again_once_cleared(client: Client) -> None:
    assert not (await policy_of(client, "organization")).HasField("update_time")
    floor = RoutingPolicy.Floor(use_case="contracts", tier=RoutingPolicy.TIER_TOP)
    made = await set_policy(
        client, "organization", mode=RoutingPolicy.MODE_LIVE, max_loss_basis_points=0, floors=[floor],
        forbid_override=True, max_price_model=f"openai/{STRONG}", holdout_percent=0, degrade_at_percent=80,
    )  # fmt: skip
    assert (made.mode, made.max_loss_basis_points, made.HasField("max_loss_basis_points")) == (3, 0, True)
    assert (made.holdout_percent, made.HasField("holdout_percent"), made.degrade_at_percent) == (0, True, 80)
    assert (list(made.floors), made.forbid_override, made.max_price_model) == ([floor], True, STRONG)
    assert await policy_of(client, "organization", "member") == made
    request = routing_policy_pb2.UpdateRoutingPolicyRequest(
        routing_policy=RoutingPolicy(name=made.name), update_mask=FieldMask(paths=["*"])
    )
    assert not (await client.call("UpdateRoutingPolicy", request)).HasField("update_time")


async def test_admins_set_policies_of_their_own_group_and_below_and_of_keys_there(client: Client) -> None:
    for scope in ("group-platform", "group-inference", "apikey-key-member"):
        assert (await set_policy(client, scope, "sub", mode=RoutingPolicy.MODE_OFF)).mode == RoutingPolicy.MODE_OFF
    for scope in ("organization", "group-eng", "group-sales", "apikey-key-sales"):
        request = routing_policy_pb2.UpdateRoutingPolicyRequest(
            routing_policy=RoutingPolicy(name=f"{ACME}/routingPolicies/{scope}", forbid_override=True)
        )
        assert await client.code("UpdateRoutingPolicy", request, "sub") is DENIED
        assert await client.code("UpdateRoutingPolicy", request, "member") is DENIED
    of_a_member = routing_policy_pb2.GetRoutingPolicyRequest(name=f"{ACME}/routingPolicies/member-member")
    assert (await client.failure("GetRoutingPolicy", of_a_member)).code is DENIED


async def test_an_unknown_model_and_a_repeated_floor_are_refused(client: Client) -> None:
    policy = RoutingPolicy(name=f"{ACME}/routingPolicies/organization", max_price_model="gpt-99")
    request = routing_policy_pb2.UpdateRoutingPolicyRequest(routing_policy=policy)
    assert (await client.failure("UpdateRoutingPolicy", request)).fields == ("routing_policy.max_price_model",)
    request.routing_policy.max_price_model = ""
    request.routing_policy.floors.add(use_case="a", tier=RoutingPolicy.TIER_TOP)
    request.routing_policy.floors.add(use_case="a")
    assert (await client.failure("UpdateRoutingPolicy", request)).fields == (
        "routing_policy.floors[1].tier",
        "routing_policy.floors[1].use_case",
    )


async def test_an_explanation_says_who_would_serve_and_why_not_another(client: Client) -> None:
    await add_virtual_model(client)
    found = await explained(client, use_case="summaries")
    assert (found.passes, found.served_model, found.chosen_model) == (True, STRONG, LIGHT)
    assert (found.arm, found.reason, found.mode) == ("SHADOW", "cheapest", RoutingPolicy.MODE_SHADOW)
    assert [(one.model_name, one.verdict) for one in found.candidates] == [(STRONG, "fits"), (LIGHT, "fits")]
    assert found.candidates[0].cost_nano_credits > found.candidates[1].cost_nano_credits > 0
    await set_policy(client, "group-eng", mode=RoutingPolicy.MODE_LIVE, max_loss_basis_points=50)
    found = await explained(client, use_case="summaries")
    assert (found.served_model, found.reason, found.candidates[1].verdict) == (STRONG, "not_measured", "loss_too_high")
    await set_policy(client, "apikey-key-member", max_loss_basis_points=80)
    found = await explained(client, name=f"{ACME}/apiKeys/key-member", use_case="summaries")
    assert (found.served_model, found.arm) == (LIGHT, "ROUTED")


async def test_an_explanation_says_at_which_place_and_which_one_fails(
    client: Client, redis_server: RedisServer
) -> None:
    await add_virtual_model(client)
    await set_policy(client, "organization", mode=RoutingPolicy.MODE_LIVE, max_loss_basis_points=80)
    async with open_redis(redis_server.url) as redis:
        await redis.delete(HEALTH_KEY)
        found = await explained(client, name=f"{ACME}/apiKeys/key-member", use_case="summaries")
        assert (found.served_model, found.served_deployment.upstream_name) == (LIGHT, LIGHT)
        await redis.hset(HEALTH_KEY, f"openai/{LIGHT}", "3.000 3.000 1 9999999999999 1")
        found = await explained(client, name=f"{ACME}/apiKeys/key-member", use_case="summaries")
        await redis.delete(HEALTH_KEY)
    assert (found.served_model, found.served_deployment.provider) == (STRONG, "providers/openai")
    light = found.candidates[1]
    assert (light.verdict, [one.state for one in light.deployments]) == ("unhealthy", [ModelDeployment.STATE_LEFT])


async def test_an_explanation_considers_the_size_and_the_whitelists(client: Client, owner: asyncpg.Connection) -> None:
    await add_virtual_model(client)
    found = await explained(client, use_case="summaries", body_bytes=1_000_000)
    assert (found.passes, "context window is too small" in found.message) == (False, True)
    assert {one.verdict for one in found.candidates} == {"window_too_small"}
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, model_whitelist)"
        " VALUES ('acme', 'group', 'eng', '{gpt-4o}')"
    )
    found = await explained(client)
    assert (found.passes, "whitelist" in found.message) == (False, True)


async def test_a_name_that_is_no_virtual_model_in_reach_is_refused(client: Client) -> None:
    request = routing_policy_pb2.ExplainRoutingRequest(name=f"{ACME}/members/member", model_name=STRONG)
    assert (await client.failure("ExplainRouting", request)).fields == ("model_name",)


async def test_an_explanation_says_that_a_use_case_is_back_on_the_baseline(
    client: Client, owner: asyncpg.Connection
) -> None:
    await add_virtual_model(client)
    await set_policy(client, "organization", mode=RoutingPolicy.MODE_LIVE)
    await owner.execute(
        "INSERT INTO routing_returns (organization_id, return_id, virtual_model_id, use_case, measure, routed_count, routed_bad,"
        " held_out_count, held_out_bad, loss_basis_points, low_basis_points, allowed_basis_points)"
        " SELECT 'acme', 'rr-1', virtual_model_id, 'summaries', 'troubled', 1000, 400, 200, 20, 2970, 2064, 100 FROM virtual_models"
    )
    found = await explained(client, use_case="summaries")
    assert (found.served_model, found.arm, found.reason) == (STRONG, "BASELINE", "returned")
    await owner.execute("UPDATE routing_returns SET lift_time = now()")
    assert (await explained(client, use_case="summaries")).reason == "cheapest"
