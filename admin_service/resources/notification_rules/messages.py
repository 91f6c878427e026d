"""Rules as messages."""

from collections.abc import Iterable, Sequence
from typing import Final

from megarouter.admin.v1.notification_rule_pb2 import (
    NotificationConditions,
    NotificationRecipient,
    NotificationRule,
)

from admin_service.api.guardrail_names import scope_name
from admin_service.api.names import MEMBERS, NOTIFICATION_CHANNELS, NOTIFICATION_RULES, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.notification_rules.store import RuleRow
from gateway_core.model.organization.scopes import Scope, ScopeKind

_AUDIENCE: Final = "AUDIENCE_"


def rule_name(row: RuleRow) -> ResourceName:
    """Returns the name of a rule."""
    return ResourceName(row.organization, NOTIFICATION_RULES, row.rule)


def rule_message(row: RuleRow) -> NotificationRule:
    """Returns a rule as callers see it."""
    settings = row.settings
    return NotificationRule(
        name=str(rule_name(row)),
        display_name=settings.display_name,
        scope=str(scope_name(row.organization, Scope(ScopeKind(settings.scope_kind), settings.scope_id))),
        only_scope=not settings.includes_descendants,
        event_types=settings.event_types,
        threshold_percents=settings.percents,
        threshold_nano_credits=settings.amounts_nano_credits,
        recipients=[_recipient(row.organization, **one) for one in settings.recipients],
        disabled=settings.is_disabled,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
        scope_display_name=row.scope_display_name,
        conditions=NotificationConditions(**settings.conditions) if settings.conditions else None,
    )


def stored_conditions(conditions: NotificationConditions) -> dict[str, int]:
    """Returns conditions as they are stored: those that are set."""
    return {field.name: value for field, value in conditions.ListFields()}


def stored_recipients(recipients: Iterable[NotificationRecipient], ids: Sequence[str]) -> list[dict[str, str]]:
    """Returns recipients as they are stored. `ids` are those of members and channels, in their order."""
    stored = []
    for recipient, resource_id in zip(recipients, ids, strict=True):
        if recipient.WhichOneof("recipient") == "audience":
            audience = NotificationRecipient.Audience.Name(recipient.audience).removeprefix(_AUDIENCE)
            stored.append({"kind": audience})
        else:
            stored.append({"kind": str(recipient.WhichOneof("recipient")).upper(), "id": resource_id})
    return stored


def _recipient(organization: str, kind: str, id: str = "") -> NotificationRecipient:  # noqa: A002 - as it is stored
    if kind == "MEMBER":
        return NotificationRecipient(member=str(ResourceName(organization, MEMBERS, id)))
    if kind == "CHANNEL":
        return NotificationRecipient(channel=str(ResourceName(organization, NOTIFICATION_CHANNELS, id)))
    return NotificationRecipient(audience=NotificationRecipient.Audience.Value(f"{_AUDIENCE}{kind}"))
