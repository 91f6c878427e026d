"""Admins keep virtual models of their subtree, of models that exist, and under names that no model has."""

from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import virtual_model_pb2
from megarouter.admin.v1.virtual_model_pb2 import VirtualModel

from gateway_core.model.catalog_file import load_catalog
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client
from tests.support.repository import ROOT

ACME = "organizations/acme"
DENIED = grpc.StatusCode.PERMISSION_DENIED
STRONG, LIGHT = "gpt-4o", "gpt-4o-mini"


@pytest.fixture(autouse=True)
async def catalog(owner: asyncpg.Connection, client: Client) -> None:
    """The models on offer, in place of the empty catalog that the service begins with."""
    await sync_catalog(owner, load_catalog(ROOT / "deploy" / "catalog" / "catalog.yaml"))


def creation(owner: str = ACME, **fields: Any) -> virtual_model_pb2.CreateVirtualModelRequest:
    values = {"model_name": "assistant", "candidate_models": [STRONG, LIGHT], "baseline_model": STRONG, **fields}
    wanted = VirtualModel(owner=owner, **values)
    return virtual_model_pb2.CreateVirtualModelRequest(parent=ACME, virtual_model=wanted)


def update(made: VirtualModel, *paths: str) -> virtual_model_pb2.UpdateVirtualModelRequest:
    return virtual_model_pb2.UpdateVirtualModelRequest(virtual_model=made, update_mask=FieldMask(paths=list(paths)))


async def listed(client: Client, member: str) -> list[str]:
    request = virtual_model_pb2.ListVirtualModelsRequest(parent=ACME)
    answer = await client.call("ListVirtualModels", request, member)
    return sorted(one.owner.rpartition("/")[2] for one in answer.virtual_models)


async def test_a_virtual_model_is_created_changed_and_deleted_and_each_change_is_recorded(
    client: Client, owner: asyncpg.Connection
) -> None:
    loss = VirtualModel.MeasuredLoss(use_case="summaries", model_name=f"openai/{LIGHT}", loss_basis_points=50)
    scored = VirtualModel.MeasuredLoss(use_case="summaries", model_name=f"openai/{LIGHT}", loss_basis_points=10)
    scored.score_limit.number, scored.score_limit.weights_version, scored.score_limit.at_most = 1, 77, -20
    made = await client.call(
        "CreateVirtualModel",
        creation(
            candidate_models=[f"openai/{STRONG}", f"openai/{LIGHT}"],
            baseline_model=f"openai/{STRONG}",
            measured_losses=[loss, scored],
        ),
    )
    assert (list(made.candidate_models), made.baseline_model) == ([STRONG, LIGHT], STRONG)
    assert (made.measured_losses[0].model_name, made.revision) == (LIGHT, 1)
    assert made.measured_losses[1].score_limit == scored.score_limit
    made.disabled = True
    changed = await client.call("UpdateVirtualModel", update(made, "disabled"))
    assert (changed.disabled, changed.revision, changed.measured_losses) == (True, 2, made.measured_losses)
    assert (await client.failure("UpdateVirtualModel", update(made, "disabled"))).reason == "ETAG_MISMATCH"
    await client.call("DeleteVirtualModel", virtual_model_pb2.DeleteVirtualModelRequest(name=made.name))
    assert await listed(client, "super") == []
    recorded = await owner.fetch("SELECT method FROM audit_log WHERE resource_name = $1 ORDER BY sequence", made.name)
    assert [row["method"].rpartition("/")[2] for row in recorded] == [
        "CreateVirtualModel",
        "UpdateVirtualModel",
        "DeleteVirtualModel",
    ]


async def test_everyone_sees_those_in_reach_and_admins_those_below(client: Client) -> None:
    for place in (ACME, f"{ACME}/groups/eng", f"{ACME}/groups/inference", f"{ACME}/groups/sales"):
        await client.call("CreateVirtualModel", creation(place))
    assert await listed(client, "super") == ["acme", "eng", "inference", "sales"]
    assert await listed(client, "l1") == ["acme", "eng", "inference"]
    assert await listed(client, "member") == ["acme", "eng"]
    assert await listed(client, "below") == ["acme", "eng", "inference"]


async def test_an_admin_keeps_those_of_the_own_group_and_below_only(client: Client) -> None:
    await client.call("CreateVirtualModel", creation(f"{ACME}/groups/platform"), "sub")
    of_all = await client.call("CreateVirtualModel", creation(ACME))
    for place in (
        ACME,
        f"{ACME}/groups/eng",
        f"{ACME}/groups/sales",
        f"{ACME}/members/member",
        f"{ACME}/groups/none",
    ):
        assert await client.code("CreateVirtualModel", creation(place), "sub") is DENIED
    assert await client.code("CreateVirtualModel", creation(f"{ACME}/groups/platform"), "member") is DENIED
    of_all.disabled = True
    assert await client.code("UpdateVirtualModel", update(of_all, "disabled"), "l1") is DENIED


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"model_name": "my model"}, "virtual_model.model_name"),
        ({"model_name": STRONG}, "virtual_model.model_name"),
        ({"model_name": f"openai/{STRONG}"}, "virtual_model.model_name"),
        ({"model_name": "gpt-4o-2024-08-06"}, "virtual_model.model_name"),
        ({"candidate_models": [STRONG, "gpt-99"]}, "virtual_model.candidate_models[1]"),
        ({"candidate_models": [STRONG, STRONG]}, "virtual_model.candidate_models[1]"),
        ({"candidate_models": [STRONG, f"openai/{STRONG}"]}, "virtual_model.candidate_models"),
        ({"candidate_models": [LIGHT]}, "virtual_model.baseline_model"),
        (
            {"measured_losses": [VirtualModel.MeasuredLoss(use_case="a", model_name=STRONG)]},
            "virtual_model.measured_losses[0].model_name",
        ),
        (
            {"measured_losses": [VirtualModel.MeasuredLoss(model_name=LIGHT)]},
            "virtual_model.measured_losses[0].use_case",
        ),
        (
            {"measured_losses": [VirtualModel.MeasuredLoss(use_case="a", model_name=LIGHT)] * 2},
            "virtual_model.measured_losses[1]",
        ),
        (
            {
                "measured_losses": [
                    VirtualModel.MeasuredLoss(
                        use_case="a", model_name=LIGHT, score_limit=VirtualModel.ScoreLimit(number=5, weights_version=1)
                    )
                ]
            },
            "virtual_model.measured_losses[0].score_limit.number",
        ),
    ],
)
async def test_what_cannot_work_is_refused(client: Client, fields: dict[str, Any], place: str) -> None:
    failure = await client.failure("CreateVirtualModel", creation(**fields))
    assert failure.fields == (place,)
    assert await listed(client, "super") == []


async def test_an_owner_has_a_name_once_and_other_owners_may_have_it_too(client: Client) -> None:
    await client.call("CreateVirtualModel", creation())
    assert (await client.failure("CreateVirtualModel", creation())).reason == "ALREADY_EXISTS"
    other = await client.call("CreateVirtualModel", creation(model_name="other"))
    other.model_name = "assistant"
    assert (await client.failure("UpdateVirtualModel", update(other, "model_name"))).reason == "ALREADY_EXISTS"
    await client.call("CreateVirtualModel", creation(f"{ACME}/groups/eng"))


async def test_an_organization_has_a_bounded_number(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates,"
        " baseline_model) SELECT 'acme', 'vm-' || n, 'v' || n, 'organization', 'acme', '{m}', 'm' FROM generate_series(1, 100) n"
    )
    assert (await client.failure("CreateVirtualModel", creation())).reason == "VIRTUAL_MODEL_LIMIT_REACHED"


async def add_return(owner: asyncpg.Connection, made: VirtualModel, use_case: str = "summaries") -> None:
    """Sends a use case back to the baseline, as usage_service does."""
    await owner.execute(
        "INSERT INTO routing_returns (organization_id, return_id, virtual_model_id, use_case, measure, routed_count, routed_bad,"
        " held_out_count, held_out_bad, loss_basis_points, low_basis_points, allowed_basis_points)"
        " VALUES ('acme', 'rr-' || $2, $1, $2, 'troubled', 1000, 400, 200, 20, 2970, 2064, 100)",
        made.name.rpartition("/")[2], use_case,
    )  # fmt: skip


def lift(made: VirtualModel, use_case: str = "summaries") -> virtual_model_pb2.LiftReturnRequest:
    return virtual_model_pb2.LiftReturnRequest(name=made.name, use_case=use_case)


async def test_a_return_is_shown_with_what_was_measured_until_an_admin_lifts_it(
    client: Client, owner: asyncpg.Connection
) -> None:
    made = await client.call("CreateVirtualModel", creation())
    assert not made.returns
    await add_return(owner, made)
    await add_return(owner, made, "contracts")
    found = await client.call("GetVirtualModel", virtual_model_pb2.GetVirtualModelRequest(name=made.name), "member")
    assert [one.use_case for one in found.returns] == ["contracts", "summaries"]
    shown = found.returns[1]
    assert (shown.measure, shown.loss_basis_points, shown.loss_basis_points_low) == ("troubled", 2_970, 2_064)
    assert (shown.routed_bad_session_count, shown.routed_session_count) == (400, 1_000)
    assert (shown.held_out_bad_session_count, shown.held_out_session_count) == (20, 200)
    assert (shown.allowed_loss_basis_points, shown.HasField("return_time")) == (100, True)
    assert await client.code("LiftReturn", lift(made), "member") is DENIED
    lifted = await client.call("LiftReturn", lift(made))
    assert [one.use_case for one in lifted.returns] == ["contracts"]
    assert await client.call("LiftReturn", lift(made)) == lifted
    [entry] = await owner.fetch("SELECT before, after FROM audit_log WHERE method LIKE '%/LiftReturn'")
    assert '"useCase": "summaries"' in entry["before"]
    assert '"useCase": "summaries"' not in entry["after"]


async def test_a_return_is_lifted_by_the_admins_of_the_owner(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("CreateVirtualModel", creation(f"{ACME}/groups/platform"), "sub")
    await add_return(owner, made)
    assert not (await client.call("LiftReturn", lift(made), "sub")).returns
