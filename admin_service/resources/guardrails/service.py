"""Serves `megarouter.admin.v1.Guardrails`: reads and sets limits. `explainer` explains them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.grants import Limits, first_exceeded, is_bounded, scopes_above
from admin_service.access.permissions import Actor, Permission, Target, visibility
from admin_service.access.tree_places import group_deleted
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import guardrail_name, scope_name, scope_of_guardrail
from admin_service.api.masks import updated_fields
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_groups, visible_rows
from admin_service.resources.api_keys.changes import deleted_key, inactive_member
from admin_service.resources.api_keys.store import set_key_bounds
from admin_service.resources.guardrails import store
from admin_service.resources.guardrails.explainer import AccessExplainer
from admin_service.resources.guardrails.key_limits import KeyLimits, changed_key_limits, require_resettable
from admin_service.resources.guardrails.messages import (
    CYCLES,
    KNOWN_FIELDS,
    MODES,
    added_entries,
    changed_settings,
    check_budget,
    check_end,
    check_update,
    guardrail_message,
    shown_guardrail,
    unknown_fields,
)
from admin_service.resources.guardrails.store import GuardrailRow, Settings
from admin_service.resources.model_whitelists.validation import offered_models, require_known_models
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.model.organization.service_accounts import is_service_account
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_ORGANIZATION: Final = "organizations/{organization}"
_GUARDRAILS: Final = Listing(
    columns=store.GUARDRAIL_COLUMNS,
    source=store.GUARDRAIL_SOURCE,
    make=store.make_guardrail_row,
    permission=Permission.GUARDRAILS_READ,
    orders={"name": SortColumn("r.guardrail_id")},
    unique=SortColumn("r.guardrail_id"),
    default_order="name",
    fields={
        "scope_kind": EnumField("r.scope_kind", {kind.name: kind.value for kind in ScopeKind}),
        "group": NameField("g.group_id", f"{_ORGANIZATION}/groups/{{id}}"),
        "member": NameField("m.member_id", f"{_ORGANIZATION}/members/{{id}}"),
        "service_account": NameField("m.member_id", f"{_ORGANIZATION}/serviceAccounts/{{id}}"),
        "api_key": NameField("k.api_key_id", f"{_ORGANIZATION}/apiKeys/{{id}}"),
        "cycle": EnumField("r.cycle", {cycle: cycle for cycle in CYCLES}, "CYCLE_"),
        "mode": EnumField("r.mode", {mode: mode for mode in MODES}, "MODE_"),
        "budget_nano_credits": IntegerField("r.budget_nano_credits"),
        "update_time": TimeField("r.update_time"),
    },
)
_NOT_GONE: Final = """
g.delete_time IS NULL AND m.state IS DISTINCT FROM 'REMOVED' AND k.state IS DISTINCT FROM 'DELETED'
"""


class GuardrailsApi:
    """The guardrails of an organization."""

    service = guardrail_pb2.DESCRIPTOR.services_by_name["Guardrails"]

    def __init__(
        self, pool: asyncpg.Pool, page_tokens: PageTokens, explainer: AccessExplainer, now: Callable[[], int]
    ) -> None:
        """Creates the API. `now` returns microseconds since the epoch."""
        self._pool = pool
        self._now = now
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "ExplainAccess": explainer.explain,
            "GetGuardrail": self.get,
            "ListGuardrails": self.list,
        }
        self.changes: Mapping[str, MakeChange] = {
            "DeleteGuardrail": self.delete,
            "ResetGuardrail": self.reset,
            "UpdateGuardrail": self.update,
        }
        self.rules: Mapping[str, Rule] = {"UpdateGuardrail": check_update}

    async def get(self, _request: guardrail_pb2.GetGuardrailRequest, caller: Caller) -> Guardrail:
        """GetGuardrail returns one guardrail, set or not."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            row = await _existing(connection, caller, Permission.GUARDRAILS_READ)
        return shown_guardrail(caller.actor, row)

    async def list(
        self, request: guardrail_pb2.ListGuardrailsRequest, caller: Caller
    ) -> guardrail_pb2.ListGuardrailsResponse:
        """ListGuardrails returns the guardrails that the caller may see."""
        organization = caller.resource.organization
        query = _GUARDRAILS.query(
            request, self._page_tokens, organization,
            Condition("r.organization_id = {}", organization),
            Condition(_NOT_GONE),
            _visible(caller.actor),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return guardrail_pb2.ListGuardrailsResponse(
            guardrails=[shown_guardrail(caller.actor, row) for row in page.rows], next_page_token=page.next_page_token
        )

    async def update(self, request: guardrail_pb2.UpdateGuardrailRequest, change: Change) -> Guardrail:
        """UpdateGuardrail sets limits. An etag is required if the guardrail was set before."""
        asked = request.guardrail
        row = await _changeable(change, asked.etag, etag_required=True)
        fields = updated_fields(request.update_mask, asked)
        if unknown := unknown_fields(row.scope.kind, asked, fields):
            raise invalid_fields(*unknown)
        settings = changed_settings(row.settings, asked, fields)
        violations = list(check_budget(settings))
        if settings.temporary and settings.temporary != row.settings.temporary:
            violations += check_end(settings.temporary, self._now())
        if violations:
            raise invalid_fields(*violations)
        if not request.allow_unknown_models:
            await require_known_models(change.connection, added_entries(row.settings, settings))
        await require_held(change, change.caller.target, row.settings, settings)
        changed = await changed_key_limits(change, row, settings, fields)
        if changed.settings == row.settings and changed.new_bounds is None:
            return guardrail_message(row)
        if request.validate_only:
            return await _would_be(change, row, changed.settings)
        return await _stored(change, row, changed)

    async def delete(self, request: guardrail_pb2.DeleteGuardrailRequest, change: Change) -> Guardrail:
        """DeleteGuardrail removes all limits. The row and its cycle stay, because the spend is counted by them."""
        row = await _changeable(change, request.etag, etag_required=False)
        settings = Settings(cycle=row.settings.cycle)
        changed = await changed_key_limits(change, row, settings, KNOWN_FIELDS[row.scope.kind])
        if changed.settings == row.settings and changed.new_bounds is None:
            return guardrail_message(row)
        return await _stored(change, row, changed)

    async def reset(self, request: guardrail_pb2.ResetGuardrailRequest, change: Change) -> Guardrail:
        """ResetGuardrail begins a new period of the budget."""
        row = await _changeable(change, request.etag, etag_required=False)
        await require_resettable(change, row)
        if row.update_time is None:
            await store.set_guardrail(change.connection, row.organization, row.scope, row.settings)
        await store.reset_guardrail(change.connection, row.organization, row.scope)
        return await _recorded(change, row)


def _visible(actor: Actor) -> Condition:
    """Returns the condition for the guardrails that the actor sees, in agreement with `may`.

    Every member sees those of the organization and of the groups above. Others are visible if their member or key is.
    """
    groups = visible_groups(actor, group="g.group_id", path="g.path")
    rows = visible_rows(
        visibility(actor),
        member="coalesce(m.member_id, k.member_id)",
        group_path="(coalesce(m.group_path, k.group_path))",
    )
    text = (
        f"(r.scope_kind = 'organization' OR (r.scope_kind = 'group' AND {groups.text})"
        f" OR (r.scope_kind IN ('member', 'api_key') AND {rows.text}))"
    )
    return Condition(text, *groups.values, *rows.values)


async def _existing(connection: Connection, caller: Caller, permission: Permission) -> GuardrailRow:
    organization, scope = caller.resource.organization, scope_of_guardrail(caller.resource)
    row = await store.get_guardrail(connection, organization, scope)
    if row is None:
        raise permission_denied(permission, str(caller.resource))
    return row


async def _changeable(change: Change, etag: str, *, etag_required: bool) -> GuardrailRow:
    row = await _existing(change.connection, change.caller, Permission.GUARDRAILS_WRITE)
    if etag_required and row.update_time and not etag:
        raise invalid_fields(FieldViolation("guardrail.etag", "is required because the guardrail was set before"))
    check_etag(etag, row.etag)
    name = scope_name(row.organization, row.scope)
    if row.scope.kind is ScopeKind.GROUP and row.scope_state == "DELETED":
        raise group_deleted(name)
    if row.scope.kind is ScopeKind.API_KEY and row.scope_state == "DELETED":
        raise deleted_key(name)
    if row.scope.kind is ScopeKind.MEMBER and row.scope_state == "REMOVED":
        raise inactive_member(row.display_name, row.scope_state, is_account=is_service_account(row.scope.scope_id))
    return row


async def require_held(change: Change, target: Target, present: Settings, settings: Settings) -> None:
    """Checks that the caller holds what the settings newly grant to the target.

    Raises:
        AdminError: LIMIT_ABOVE_OWN.
    """
    caller: Caller = change.caller
    if not is_bounded(caller.actor, target):
        return
    held = await store.held_limits(change.connection, caller.actor.organization, scopes_above(caller.actor))
    offered = await offered_models(change.connection)
    exceeded = first_exceeded(_granted(present, settings), held, offered=offered)
    if exceeded is None and settings.temporary and settings.temporary != present.temporary and settings.refuses:
        granted = Limits(settings.temporary.budget_nano_credits, Cycle(settings.cycle))
        exceeded = first_exceeded(granted, held, settings.temporary.end_epoch_us)
    if exceeded:
        name = str(guardrail_name(caller.actor.organization, exceeded))
        message = f"The limit is wider than that of {name}, which applies to you. Set a narrower limit."
        raise AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.LIMIT_ABOVE_OWN, message, {"guardrail": name})


def _granted(present: Settings, settings: Settings) -> Limits:
    """Returns what the change grants. A limit that stays as an admin above set it is not granted by the caller."""
    budget_is_new = (settings.most_in_a_period, settings.cycle) != (present.most_in_a_period, present.cycle)
    whitelist = settings.model_whitelist
    return Limits(
        settings.most_in_a_period if budget_is_new else None,
        Cycle(settings.cycle),
        None if whitelist is None or whitelist == present.model_whitelist else parse_whitelist(whitelist),
        settings.key_limit if settings.key_limit != present.key_limit else None,
    )


async def _would_be(change: Change, row: GuardrailRow, settings: Settings) -> Guardrail:
    """Returns the guardrail with other settings but the present etag. Another cycle begins with what was spent in it so far."""
    would_be = dataclasses.replace(row, settings=settings)
    if settings.cycle != row.settings.cycle:
        start, spent, calls = await store.spend_in_cycle(change.connection, row, settings.cycle)
        would_be = dataclasses.replace(
            would_be, period_start_time=start, spent_nano_credits=spent, call_count=calls, carried_nano_credits=0
        )
    message = guardrail_message(would_be)
    message.etag = row.etag
    return message


async def _stored(change: Change, row: GuardrailRow, changed: KeyLimits) -> Guardrail:
    """Stores and records the settings, and returns the guardrail."""
    kept = row.still_by_default(changed.settings)
    await store.set_guardrail(change.connection, row.organization, row.scope, changed.settings, kept)
    if changed.new_bounds is not None:
        await set_key_bounds(change.connection, row.organization, row.scope.scope_id, changed.new_bounds)
    return await _recorded(change, row)


async def _recorded(change: Change, row: GuardrailRow) -> Guardrail:
    """Returns the guardrail as it is now, and records the change in the audit log."""
    after = guardrail_message(await _existing(change.connection, change.caller, Permission.GUARDRAILS_WRITE))
    change.record(change.caller.resource, guardrail_message(row), after, group_path=row.group_path)
    return after
