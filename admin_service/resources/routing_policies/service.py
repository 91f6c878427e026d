"""Serves `megarouter.admin.v1.RoutingPolicies`: reads and sets policies. `explainer` explains choices."""

from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import routing_policy_pb2
from megarouter.admin.v1.routing_policy_pb2 import RoutingPolicy

from admin_service.access.authorization import Caller
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import guardrail_name, scope_name, scope_of_guardrail
from admin_service.api.masks import apply_update
from admin_service.api.names import ROUTING_POLICIES
from admin_service.api.timestamps import timestamp
from admin_service.resources.routing_policies import store
from admin_service.resources.routing_policies.explainer import RoutingExplainer
from admin_service.resources.routing_policies.savings import SavingsReader
from admin_service.resources.routing_policies.store import PolicyRow, Settings
from admin_service.resources.virtual_models.store import models_by_any_name
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

_MODE: Final = "MODE_"
_TIER: Final = "TIER_"


class RoutingPoliciesApi:
    """The policies of an organization, its groups and keys."""

    service = routing_policy_pb2.DESCRIPTOR.services_by_name["RoutingPolicies"]

    def __init__(self, pool: asyncpg.Pool, explainer: RoutingExplainer, savings: SavingsReader) -> None:
        self._pool = pool
        self.handlers: Mapping[str, Handle] = {
            "ExplainRouting": explainer.explain,
            "GetRoutingPolicy": self.get,
            "QueryRoutingOutcomes": savings.outcomes,
            "QueryRoutingSavings": savings.query,
        }
        self.changes: Mapping[str, MakeChange] = {"UpdateRoutingPolicy": update}
        self.rules: Mapping[str, Rule] = {"UpdateRoutingPolicy": lambda request: _check(request.routing_policy)}

    async def get(self, _request: routing_policy_pb2.GetRoutingPolicyRequest, caller: Caller) -> RoutingPolicy:
        """GetRoutingPolicy returns one policy, set or not."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            scope = scope_of_guardrail(caller.resource)
            return policy_message(await store.get_policy(connection, caller.resource.organization, scope))


async def update(request: routing_policy_pb2.UpdateRoutingPolicyRequest, change: Change) -> RoutingPolicy:
    """UpdateRoutingPolicy sets a policy."""
    asked, connection = request.routing_policy, change.connection
    organization, scope = change.caller.resource.organization, scope_of_guardrail(change.caller.resource)
    row = await store.get_policy(connection, organization, scope)
    check_etag(asked.etag, row.etag)
    wanted = policy_message(row)
    apply_update(request.update_mask, asked, wanted)
    settings = _settings(wanted, await models_by_any_name(connection) if wanted.max_price_model else {})
    if settings == row.settings:
        return policy_message(row)
    await store.set_policy(connection, organization, scope, settings)
    after = await store.get_policy(connection, organization, scope)
    change.record(change.caller.resource, policy_message(row), policy_message(after), group_path=row.group_path)
    return policy_message(after)


def policy_message(row: PolicyRow) -> RoutingPolicy:
    """Returns a policy as callers see it."""
    settings = row.settings
    return RoutingPolicy(
        name=str(guardrail_name(row.organization, row.scope, ROUTING_POLICIES)),
        scope=str(scope_name(row.organization, row.scope)),
        mode=RoutingPolicy.Mode.Value(f"{_MODE}{settings.mode or 'UNSPECIFIED'}"),
        max_loss_basis_points=settings.max_loss_basis_points,
        floors=[
            RoutingPolicy.Floor(use_case=use_case, tier=RoutingPolicy.Tier.Value(f"{_TIER}{tier.upper()}"))
            for use_case, tier in (settings.floors or {}).items()
        ],
        forbid_override=settings.allow_override is False,
        max_price_model=settings.max_price_model or "",
        holdout_percent=settings.holdout_percent,
        degrade_at_percent=settings.degrade_at_percent,
        update_time=timestamp(row.update_time) if row.update_time else None,
        etag=row.etag,
    )


def _check(wanted: RoutingPolicy) -> Iterable[FieldViolation]:
    seen = set()
    for index, floor in enumerate(wanted.floors):
        place = f"routing_policy.floors[{index}]"
        if not floor.use_case:
            yield FieldViolation(f"{place}.use_case", "is required")
        if floor.tier == RoutingPolicy.TIER_UNSPECIFIED:
            yield FieldViolation(f"{place}.tier", "is required")
        if floor.use_case in seen:
            yield FieldViolation(f"{place}.use_case", "has a floor already")
        seen.add(floor.use_case)


def _settings(wanted: RoutingPolicy, models: Mapping[str, str]) -> Settings:
    """Returns what to store. `models` has the public name of each model on offer, by every name that callers may use.

    Raises:
        AdminError: FIELD_INVALID.
    """
    dearest = wanted.max_price_model
    if dearest and dearest not in models:
        message = f"{dearest!r} is no model of the catalog; ListModels has those on offer"
        raise invalid_fields(FieldViolation("routing_policy.max_price_model", message))
    mode = RoutingPolicy.Mode.Name(wanted.mode).removeprefix(_MODE)
    floors = {one.use_case: RoutingPolicy.Tier.Name(one.tier).removeprefix(_TIER).lower() for one in wanted.floors}
    return Settings(
        mode=None if mode == "UNSPECIFIED" else mode,
        max_loss_basis_points=wanted.max_loss_basis_points if wanted.HasField("max_loss_basis_points") else None,
        floors=floors or None,
        allow_override=False if wanted.forbid_override else None,
        max_price_model=models[dearest] if dearest else None,
        holdout_percent=wanted.holdout_percent if wanted.HasField("holdout_percent") else None,
        degrade_at_percent=wanted.degrade_at_percent if wanted.HasField("degrade_at_percent") else None,
    )
