"""The fields that an update mask may name (AIP-134). The table is the specification, field by field."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.group_pb2 import Group
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.organization_pb2 import Organization
from megarouter.admin.v1.routing_policy_pb2 import RoutingPolicy
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from admin_service.api.errors import AdminError
from admin_service.api.masks import apply_update, updated_fields

CHANGEABLE: dict[type[Any], set[str]] = {
    ApiKey: {"display_name", "expire_time", "model_whitelist", "ip_allow_list"},
    Group: {"display_name"},
    Guardrail: {
        *("budget_nano_credits", "cycle", "mode", "model_whitelist", "key_limit", "seat_limit"),
        *(
            "requests_per_minute",
            "tokens_per_minute",
            "concurrency_limit",
            "rate_limits",
            "temporary_limit",
            "soft_budget",
            "model_budgets",
            "rollover",
        ),
    },
    Organization: {
        "display_name",
        "time_zone",
        "billing_email",
        "key_requirements",
        "input_estimate",
        "budget_mode",
        "expired_hold_policy",
    },
    ServiceAccount: {"display_name"},
}

FIXED = {"member", "parent_group", "service_account", "group"}


@pytest.mark.parametrize("resource", CHANGEABLE, ids=lambda resource: resource.__name__)
def test_a_star_mask_means_every_field_that_a_caller_may_change(resource: type[Any]) -> None:
    """Seen to fail when output-only fields, immutable fields or the etag are included."""
    sent = resource(**_required(resource))
    assert updated_fields(FieldMask(paths=["*"]), sent) == CHANGEABLE[resource]


@pytest.mark.parametrize("resource", CHANGEABLE, ids=lambda resource: resource.__name__)
def test_an_output_only_field_is_ignored_and_an_immutable_one_refused(resource: type[Any]) -> None:
    sent = resource(**_required(resource))
    for field in resource.DESCRIPTOR.fields:
        if field.name in CHANGEABLE[resource]:
            continue
        if field.name in FIXED:
            with pytest.raises(AdminError) as raised:
                updated_fields(FieldMask(paths=[field.name]), sent)
            assert raised.value.violations[0].field == "update_mask"
        else:
            assert updated_fields(FieldMask(paths=[field.name]), sent) == frozenset()


def _required(resource: type[Any]) -> dict[str, str]:
    return {name: "x" for name in ("display_name", "time_zone") if name in resource.DESCRIPTOR.fields_by_name}


def _policy(**fields: Any) -> RoutingPolicy:
    return RoutingPolicy(name="organizations/acme/routingPolicies/organization", **fields)


def _stored_policy() -> RoutingPolicy:
    return _policy(max_loss_basis_points=200, floors=[RoutingPolicy.Floor(use_case="code")], max_price_model="gpt-4o")


def test_an_update_clears_a_named_field_that_it_does_not_set() -> None:
    stored = _stored_policy()
    apply_update(FieldMask(paths=["max_loss_basis_points", "max_price_model"]), _policy(), stored)
    assert stored == _policy(floors=[RoutingPolicy.Floor(use_case="code")])


def test_an_update_sets_an_optional_field_to_zero() -> None:
    stored = _stored_policy()
    apply_update(FieldMask(paths=["max_loss_basis_points"]), _policy(max_loss_basis_points=0), stored)
    assert stored.HasField("max_loss_basis_points")
    assert stored.max_loss_basis_points == 0


def test_an_update_replaces_a_list_as_a_whole() -> None:
    stored = _stored_policy()
    apply_update(FieldMask(paths=["floors"]), _policy(floors=[RoutingPolicy.Floor(use_case="chat")]), stored)
    assert [floor.use_case for floor in stored.floors] == ["chat"]


def test_an_update_leaves_what_it_does_not_name() -> None:
    stored = _stored_policy()
    apply_update(
        FieldMask(paths=["max_price_model"]), _policy(max_price_model="gpt-4", max_loss_basis_points=1), stored
    )
    assert stored.max_loss_basis_points == 200
    assert stored.max_price_model == "gpt-4"
