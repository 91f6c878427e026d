"""Serves `megarouter.admin.v1.GuardrailDefaults`."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import grpc
from megarouter.admin.v1 import guardrail_default_pb2
from megarouter.admin.v1.guardrail_default_pb2 import ApplyGuardrailDefaultResponse, GuardrailDefault
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.grants import Limits, first_exceeded, is_bounded, scopes_above
from admin_service.access.permissions import Permission
from admin_service.access.tree_places import group_deleted
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import guardrail_name, scope_name, scope_of_guardrail
from admin_service.api.masks import updated_fields
from admin_service.listing.filter_sql import EnumField, NameField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_groups
from admin_service.resources.api_keys.store import set_key_bounds
from admin_service.resources.default_limits.merging import LimitValues
from admin_service.resources.default_limits.store import defaults_of_places, write_limits
from admin_service.resources.guardrail_defaults import store
from admin_service.resources.guardrail_defaults.application import (
    Application,
    applications,
    guardrails_below,
    require_bearable,
)
from admin_service.resources.guardrail_defaults.messages import (
    LIMIT_FIELDS,
    added_entries,
    check_update,
    default_message,
    limit_values,
    limits_only,
)
from admin_service.resources.guardrail_defaults.store import DefaultRow
from admin_service.resources.guardrails.store import held_limits
from admin_service.resources.model_whitelists.validation import offered_models, require_known_models
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_whitelists import compile_stored
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.organization_wall import acting_for

_DEFAULTS: Final = Listing(
    columns=store.DEFAULT_COLUMNS,
    source=store.DEFAULT_SOURCE,
    make=store.make_default_row,
    permission=Permission.GUARDRAIL_DEFAULTS_READ,
    orders={"name": SortColumn("d.default_id")},
    unique=SortColumn("d.default_id"),
    default_order="name",
    fields={
        "scope_kind": EnumField(
            "d.scope_kind", {kind.name: kind.value for kind in (ScopeKind.ORGANIZATION, ScopeKind.GROUP)}
        ),
        "group": NameField("g.group_id", "organizations/{organization}/groups/{id}"),
        "update_time": TimeField("d.update_time"),
    },
)
_SHOWN_CHANGES: Final = 1_000
_ALL_GROUPS: Final = "SELECT group_id FROM groups WHERE organization_id = $1"


class GuardrailDefaultsApi:
    """The defaults of an organization and its groups."""

    service = guardrail_default_pb2.DESCRIPTOR.services_by_name["GuardrailDefaults"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetGuardrailDefault": self.get, "ListGuardrailDefaults": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "ApplyGuardrailDefault": self.apply,
            "UpdateGuardrailDefault": self.update,
        }
        self.rules: Mapping[str, Rule] = {"UpdateGuardrailDefault": check_update}

    async def get(self, _request: guardrail_default_pb2.GetGuardrailDefaultRequest, caller: Caller) -> GuardrailDefault:
        """GetGuardrailDefault returns one default, set or not."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            scope = scope_of_guardrail(caller.resource)
            return default_message(await store.get_default(connection, caller.resource.organization, scope))

    async def list(
        self, request: guardrail_default_pb2.ListGuardrailDefaultsRequest, caller: Caller
    ) -> guardrail_default_pb2.ListGuardrailDefaultsResponse:
        """ListGuardrailDefaults returns the defaults that the caller may see."""
        organization = caller.resource.organization
        groups = visible_groups(caller.actor, group="g.group_id", path="g.path")
        query = _DEFAULTS.query(
            request, self._page_tokens, organization,
            Condition("d.organization_id = {}", organization),
            Condition("g.delete_time IS NULL"),
            Condition(f"(d.scope_kind = 'organization' OR {groups.text})", *groups.values),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return guardrail_default_pb2.ListGuardrailDefaultsResponse(
            guardrail_defaults=map(default_message, page.rows), next_page_token=page.next_page_token
        )

    async def update(
        self, request: guardrail_default_pb2.UpdateGuardrailDefaultRequest, change: Change
    ) -> GuardrailDefault:
        """UpdateGuardrailDefault sets what newcomers begin with. An etag is required if the default was set before."""
        asked = request.guardrail_default
        row = await _changeable(change)
        if row.update_time and not asked.etag:
            message = "is required because the default was set before"
            raise invalid_fields(FieldViolation("guardrail_default.etag", message))
        check_etag(asked.etag, row.etag)
        fields = updated_fields(request.update_mask, asked) & set(LIMIT_FIELDS)
        values: dict[str, Any] = {name: limit_values(getattr(asked, name)) for name in fields}
        changed = dataclasses.replace(row, **values)
        if not request.allow_unknown_models:
            await require_known_models(change.connection, added_entries(row, changed))
        for name in fields:
            await _require_held(change, _new(getattr(row, name), getattr(changed, name)))
        before, would_be = default_message(row), default_message(changed)
        would_be.etag = row.etag
        if request.validate_only or changed == row:
            return would_be
        await store.set_default(change.connection, changed)
        after = default_message(await store.get_default(change.connection, row.organization, row.scope))
        change.record(change.caller.resource, before, after, group_path=row.group_path)
        return after

    async def apply(
        self, request: guardrail_default_pb2.ApplyGuardrailDefaultRequest, change: Change
    ) -> ApplyGuardrailDefaultResponse:
        """ApplyGuardrailDefault copies the default to the members and keys that exist below its place."""
        row, connection = await _changeable(change), change.connection
        for limits in (row.member_limits, row.key_limits):
            await _require_held(change, limits)
        groups = [found[0] for found in await connection.fetch(_ALL_GROUPS, row.organization)]
        defaults = await defaults_of_places(connection, row.organization, groups)
        below = await guardrails_below(connection, row)
        changes = list(applications(change.caller.actor, row, defaults, below))
        require_bearable(changes)
        if not request.validate_only:
            for one in changes:
                await _write(change, row.organization, one)
        return ApplyGuardrailDefaultResponse(
            changes=[_change_message(row.organization, one) for one in changes[:_SHOWN_CHANGES]],
            changed_count=len(changes),
        )


async def _changeable(change: Change) -> DefaultRow:
    caller: Caller = change.caller
    organization, scope = caller.resource.organization, scope_of_guardrail(caller.resource)
    row = await store.get_default(change.connection, organization, scope)
    if row.scope_state == "DELETED":
        raise group_deleted(scope_name(organization, scope))
    return row


def _new(present: LimitValues, changed: LimitValues) -> LimitValues:
    return {limit: value for limit, value in changed.items() if present.get(limit) != value}


async def _require_held(change: Change, limits: LimitValues) -> None:
    """Checks that the caller holds what a default grants.

    Raises:
        AdminError: LIMIT_ABOVE_OWN.
    """
    caller: Caller = change.caller
    if not is_bounded(caller.actor, caller.target):
        return
    budget, cycle, *most = limits.get("budget") or (None, Cycle.NEVER)
    whitelist = limits.get("model_whitelist")
    granted = Limits(
        None if budget is None else budget + sum(most),
        Cycle(cycle),
        None if whitelist is None else compile_stored(whitelist),
        limits.get("key_limit"),
    )
    organization = caller.actor.organization
    held = await held_limits(change.connection, organization, scopes_above(caller.actor))
    exceeded = first_exceeded(granted, held, offered=await offered_models(change.connection))
    if exceeded:
        name = str(guardrail_name(organization, exceeded))
        message = f"A limit is wider than that of {name}, which applies to you. Set a narrower limit."
        raise AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.LIMIT_ABOVE_OWN, message, {"guardrail": name})


async def _write(change: Change, organization: str, one: Application) -> None:
    """Stores and records what the default changes in a guardrail."""
    scope = one.existing.scope
    await write_limits(change.connection, organization, scope, one.limits, one.origins)
    if scope.kind is ScopeKind.API_KEY:
        await set_key_bounds(change.connection, organization, scope.scope_id, one.bounds)
    before = {limit: one.existing.limits.get(limit) for limit in one.changed}
    after = {limit: one.limits[limit] for limit in one.changed}
    change.record(
        guardrail_name(organization, scope),
        limits_only(before),
        limits_only(after),
        group_path=one.existing.group_path,
    )


def _change_message(organization: str, one: Application) -> ApplyGuardrailDefaultResponse.Change:
    return ApplyGuardrailDefaultResponse.Change(
        guardrail=str(guardrail_name(organization, one.existing.scope)),
        member_display_name=one.existing.member_display_name,
        limits=one.changed,
    )
