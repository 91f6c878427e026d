"""Serves `megarouter.admin.v1.NotificationRules`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import grpc
from megarouter.admin.v1 import notification_rule_pb2
from megarouter.admin.v1.notification_rule_pb2 import NotificationRecipient, NotificationRule
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import scope_name, scope_of_name
from admin_service.api.masks import apply_update
from admin_service.api.names import NOTIFICATION_RULES, ResourceName, parse_name
from admin_service.listing.filter_sql import BooleanField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.notification_rules import simulation, store
from admin_service.resources.notification_rules.inheritance import listed, overridden_rule, rules_about, visible_rules
from admin_service.resources.notification_rules.messages import (
    decided_rule,
    rule_message,
    rule_name,
    stored_conditions,
    stored_schedule,
    stored_severity,
)
from admin_service.resources.notification_rules.recipients import checked_recipient, required_target, with_former_groups
from admin_service.resources.notification_rules.store import RuleRow, RuleSettings
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle
from admin_service.serving.guard import Rule as Check
from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.rules import Place
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_RULES: Final = 100
_READ: Final = Permission.NOTIFICATION_RULES_READ
_WRITE: Final = Permission.NOTIFICATION_RULES_WRITE

_RULES: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=store.make_rule_row,
    permission=_READ,
    orders={"name": SortColumn("r.rule_id")},
    unique=SortColumn("r.rule_id"),
    default_order="name",
    fields={
        "display_name": TextField("r.display_name"),
        "disabled": BooleanField("(r.state = 'DISABLED')"),
        "create_time": TimeField("r.create_time"),
    },
    searched=("r.display_name",),
)


class NotificationRulesApi:
    """The rules of alerts."""

    service = notification_rule_pb2.DESCRIPTOR.services_by_name["NotificationRules"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self.handlers: Mapping[str, Handle] = {
            "GetNotificationRule": self.get,
            "ListNotificationRules": self.list,
            "SimulateNotificationRule": self.simulate,
        }
        self.changes: Mapping[str, MakeChange] = {
            "CreateNotificationRule": self.create,
            "UpdateNotificationRule": update,
            "DeleteNotificationRule": delete,
        }
        # An update is checked as a whole, with what it leaves as it was.
        self.rules: Mapping[str, Check] = {
            "CreateNotificationRule": lambda request: _check(request.notification_rule),
            "SimulateNotificationRule": lambda request: _check(request.notification_rule),
        }

    async def get(self, _request: notification_rule_pb2.GetNotificationRuleRequest, caller: Caller) -> NotificationRule:
        """GetNotificationRule returns one rule."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return rule_message(await _existing(connection, caller.resource, _READ))

    async def list(
        self, request: notification_rule_pb2.ListNotificationRulesRequest, caller: Caller
    ) -> notification_rule_pb2.ListNotificationRulesResponse:
        """ListNotificationRules returns the rules of the caller's subtree, and those that are inherited there."""
        organization = caller.resource.organization
        place = None
        if request.scope:
            async with acting_for(self._pool, organization) as connection:
                place = await _place(connection, caller, request.scope, _READ)
        query = _RULES.query(
            request, self._page_tokens, organization,
            Condition("r.organization_id = {}", organization),
            visible_rules(caller.actor),
            *([rules_about(place)] if place else []),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
            rules = await store.all_rules(connection, organization) if place else []
        return notification_rule_pb2.ListNotificationRulesResponse(
            notification_rules=[listed(row, caller.actor, place, rules) for row in page.rows],
            next_page_token=page.next_page_token,
        )

    async def simulate(
        self, request: notification_rule_pb2.SimulateNotificationRuleRequest, caller: Caller
    ) -> notification_rule_pb2.SimulateNotificationRuleResponse:
        """SimulateNotificationRule replays a past period."""
        organization, wanted = caller.resource.organization, request.notification_rule
        async with acting_for(self._pool, organization) as connection:
            scope = (await _place(connection, caller, wanted.scope, _READ)).scope
            zone, now = await store.zone_and_now(connection, organization)
            time_range = request.time_range if request.HasField("time_range") else None
            start, end = simulation.period(time_range, now, zone)
            return await simulation.simulate(connection, organization, decided_rule(wanted, scope), zone, start, end)

    async def create(
        self, request: notification_rule_pb2.CreateNotificationRuleRequest, change: Change
    ) -> NotificationRule:
        """CreateNotificationRule adds a rule."""
        connection, wanted = change.connection, request.notification_rule
        organization = change.caller.resource.organization
        if await store.count_rules(connection, organization) >= MAX_RULES:
            message = f"An organization has at most {MAX_RULES} rules. Delete one that is no longer needed."
            reason, metadata = ErrorReason.NOTIFICATION_LIMIT_REACHED, {"limit": str(MAX_RULES)}
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata)
        name = ResourceName(organization, NOTIFICATION_RULES, self._make_id("rule"))
        await store.put_rule(connection, organization, str(name.resource_id), await _settings(change, wanted))
        made = await _existing(connection, name, _WRITE)
        change.record(name, None, rule_message(made), group_path=made.group_path)
        return rule_message(made)


async def update(request: notification_rule_pb2.UpdateNotificationRuleRequest, change: Change) -> NotificationRule:
    """UpdateNotificationRule changes a rule."""
    asked, name = request.notification_rule, change.caller.resource
    row = await _existing(change.connection, name, _WRITE)
    check_etag(asked.etag, row.etag)
    wanted = rule_message(row)
    apply_update(request.update_mask, asked, wanted)
    if violations := list(_check(wanted)):
        raise invalid_fields(*violations)
    settings = await _settings(change, wanted, row)
    if settings == row.settings:
        return rule_message(row)
    await store.put_rule(change.connection, row.organization, row.rule, settings)
    after = await _existing(change.connection, name, _WRITE)
    change.record(name, rule_message(row), rule_message(after), group_path=row.group_path)
    return rule_message(after)


async def delete(_request: notification_rule_pb2.DeleteNotificationRuleRequest, change: Change) -> NotificationRule:
    """DeleteNotificationRule deletes a rule."""
    row = await _existing(change.connection, change.caller.resource, _WRITE)
    overrides = [
        one for one in await store.all_rules(change.connection, row.organization) if one.settings.overrides == row.rule
    ]
    await store.delete_rule(change.connection, row.organization, row.rule)
    for gone in (*overrides, row):
        change.record(rule_name(gone), rule_message(gone), None, group_path=gone.group_path)
    return rule_message(row)


def _check(wanted: NotificationRule) -> Iterable[FieldViolation]:
    for index, event_type in enumerate(wanted.event_types):
        if event_type not in event_types.OF_RULES:
            yield FieldViolation(
                f"notification_rule.event_types[{index}]", f"must be one of {', '.join(event_types.OF_RULES)}"
            )
    yield from _check_thresholds(wanted, frozenset(wanted.event_types or event_types.OF_BUDGETS))
    if wanted.HasField("quiet_hours") and stored_schedule(wanted, ZoneInfo("UTC")).never_sends:
        yield FieldViolation("notification_rule.quiet_hours", "must leave a time at which alerts are sent")
    for index, recipient in enumerate(wanted.recipients):
        if recipient.WhichOneof("recipient") is None or (
            recipient.WhichOneof("recipient") == "audience"
            and recipient.audience == NotificationRecipient.AUDIENCE_UNSPECIFIED
        ):
            yield FieldViolation(
                f"notification_rule.recipients[{index}]", "must name an audience, a member or a channel"
            )


def _check_thresholds(wanted: NotificationRule, named: frozenset[str]) -> Iterable[FieldViolation]:
    has_percents, has_amounts = bool(wanted.threshold_percents), bool(wanted.threshold_nano_credits)
    if named & event_types.OF_THRESHOLDS and not has_percents and not has_amounts:
        yield FieldViolation("notification_rule.threshold_percents", "must have a threshold, here or as an amount")
    elif named & event_types.OF_PERCENTS and not has_percents:
        yield FieldViolation("notification_rule.threshold_percents", "must have a threshold in percent")
    if named & event_types.OF_AMOUNTS and not has_amounts:
        yield FieldViolation("notification_rule.threshold_nano_credits", "must have a threshold as an amount")
    name = parse_name(wanted.scope)
    if (of_all := named & event_types.OF_ORGANIZATION) and name and name.collection:
        text = f"must be the organization, because {min(of_all)} is about all of it"
        yield FieldViolation("notification_rule.scope", text)


async def _settings(change: Change, wanted: NotificationRule, row: RuleRow | None = None) -> RuleSettings:
    """Returns what to store, after checking that the caller may write about the scope and to the recipients.

    Raises:
        AdminError: PERMISSION_DENIED, the scope or a recipient does not exist, or is not in the caller's subtree.
    """
    organization = change.caller.resource.organization
    place = await _place(change.connection, change.caller, wanted.scope, _WRITE)
    former = row.settings.recipients if row else []
    scope = place.scope
    recipients = [
        await checked_recipient(change.connection, change.caller, place, one, f"notification_rule.recipients[{index}]")
        for index, one in enumerate(wanted.recipients)
    ]
    return RuleSettings(
        display_name=wanted.display_name,
        is_disabled=wanted.disabled,
        event_types=list(dict.fromkeys(wanted.event_types)) or list(event_types.OF_BUDGETS),
        scope_kind=scope.kind.value,
        scope_id=scope.scope_id,
        includes_descendants=not wanted.only_scope,
        percents=sorted(set(wanted.threshold_percents)),
        amounts_nano_credits=sorted(set(wanted.threshold_nano_credits)),
        recipients=with_former_groups(recipients, former),
        severity=stored_severity(wanted),
        overrides=await overridden_rule(
            change.connection, organization, wanted.overrides, place, row.rule if row else ""
        ),
        forbids_overrides=wanted.overrides_forbidden,
        schedule=stored_schedule(wanted, (await store.zone_and_now(change.connection, organization))[0]),
        conditions=stored_conditions(wanted.conditions),
    )


async def _place(connection: Connection, caller: Caller, text: str, permission: Permission) -> Place:
    """Returns the scope that a rule names, after checking that it is in the caller's subtree."""
    organization = caller.resource.organization
    name = parse_name(text)
    scope = scope_of_name(name) if name and name.organization == organization else None
    if scope is None:
        raise permission_denied(permission, text[:MAX_SHOWN])
    target = await required_target(connection, caller, scope_name(organization, scope), text, permission)
    owner = scope.scope_id if scope.kind is ScopeKind.MEMBER else target.member or ""
    return Place(scope, target.group_path, owner)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> RuleRow:
    row = await store.get_rule(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row
