"""The rows of rules."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from admin_service.api.etags import etag_of
from gateway_core.model.alerts.inheritance import StoredRule
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.alerts.schedules import Schedule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

PATH: Final = "(coalesce(g.path, m.group_path, k.group_path, ARRAY[]::text[]))"
COLUMNS: Final = f"""
r.organization_id, r.rule_id, r.display_name, r.state = 'DISABLED', r.event_types, r.scope_kind, r.scope_id, r.includes_descendants,
r.percents, r.amounts_nano_credits, r.recipients, r.severity, r.frequency, r.quiet_hours,
coalesce(r.overrides_rule_id, ''), r.forbids_overrides, r.conditions,
r.create_time, r.update_time, {PATH},
coalesce(g.display_name, m.display_name, u.display_name, k.display_name, o.display_name, ''),
coalesce(m.member_id, k.member_id, '')
"""
SOURCE: Final = """
notification_rules r
  LEFT JOIN groups g ON r.scope_kind = 'group' AND g.organization_id = r.organization_id AND g.group_id = r.scope_id
  LEFT JOIN members m ON r.scope_kind = 'member' AND m.organization_id = r.organization_id AND m.member_id = r.scope_id
  LEFT JOIN users u ON u.user_id = m.user_id
  LEFT JOIN api_keys k ON r.scope_kind = 'api_key' AND k.organization_id = r.organization_id AND k.api_key_id = r.scope_id
  LEFT JOIN organizations o ON r.scope_kind = 'organization' AND o.organization_id = r.organization_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE r.organization_id = $1 AND r.rule_id = $2"  # noqa: S608
_ALL: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE r.organization_id = $1 ORDER BY r.rule_id"  # noqa: S608
_COUNT: Final = "SELECT count(*) FROM notification_rules WHERE organization_id = $1"
_TIME_ZONE: Final = "SELECT time_zone, now() FROM organizations WHERE organization_id = $1"
_PUT: Final = """
INSERT INTO notification_rules (organization_id, rule_id, display_name, state, event_types, scope_kind, scope_id,
                                includes_descendants, percents, amounts_nano_credits, recipients, severity, frequency,
                                quiet_hours, overrides_rule_id, forbids_overrides, conditions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, nullif($15, ''), $16, $17)
ON CONFLICT (organization_id, rule_id) DO UPDATE
   SET display_name = excluded.display_name, state = excluded.state, event_types = excluded.event_types,
       scope_kind = excluded.scope_kind, scope_id = excluded.scope_id, includes_descendants = excluded.includes_descendants,
       percents = excluded.percents, amounts_nano_credits = excluded.amounts_nano_credits, recipients = excluded.recipients,
       severity = excluded.severity, frequency = excluded.frequency, quiet_hours = excluded.quiet_hours,
       forbids_overrides = excluded.forbids_overrides, conditions = excluded.conditions, update_time = now()
"""
_DELETE: Final = "DELETE FROM notification_rules WHERE organization_id = $1 AND rule_id = $2"


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What admins set in a rule."""

    display_name: str
    is_disabled: bool
    event_types: Sequence[str]
    scope_kind: str
    scope_id: str
    includes_descendants: bool
    percents: Sequence[int]
    amounts_nano_credits: Sequence[int]
    recipients: Sequence[dict[str, str]]
    """Each with a `kind`, and the `id` of a member or channel."""
    severity: str
    """Empty: it follows from the event."""
    schedule: Schedule
    overrides: str
    """The id of the rule whose place it takes; empty if it is none's override."""
    forbids_overrides: bool
    conditions: dict[str, int]
    """Those that differ from the defaults."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A stored rule."""

    organization: str
    rule: str
    settings: RuleSettings
    create_time: dt.datetime
    update_time: dt.datetime
    group_path: Sequence[str]
    scope_display_name: str
    owner: str
    """The member that the scope is, or that owns the key; otherwise empty."""

    @property
    def place(self) -> Place:
        """Where its scope is."""
        scope = Scope(ScopeKind(self.settings.scope_kind), self.settings.scope_id)
        return Place(scope, tuple(self.group_path), self.owner)

    @property
    def stored(self) -> StoredRule:
        """What decides where it speaks."""
        settings = self.settings
        rule = Rule(self.rule, frozenset(), self.place.scope, settings.includes_descendants, (), ())
        return StoredRule(
            rule, self.place, settings.overrides, settings.forbids_overrides, is_enabled=not settings.is_disabled
        )

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.rule, self.update_time, self.settings)


def make_rule_row(organization: str, rule: str, *rest: Any) -> RuleRow:  # noqa: ANN401 - the columns
    """Makes a row from the columns."""
    (*settings, recipients, severity), (frequency, quiet_hours), (overrides, forbids, conditions, *others) = (
        rest[:10],
        rest[10:12],
        rest[12:],
    )
    schedule = Schedule.decode(frequency, quiet_hours)
    values = (*settings, json.loads(recipients), severity, schedule, overrides, forbids, json.loads(conditions))
    return RuleRow(organization, rule, RuleSettings(*values), *others)


async def get_rule(connection: Connection, organization: str, rule: str) -> RuleRow | None:
    """Returns a rule, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, rule)
    return make_rule_row(*row) if row else None


async def all_rules(connection: Connection, organization: str) -> Sequence[RuleRow]:
    """Returns all rules of the organization, of which there are few."""
    return [make_rule_row(*row) for row in await connection.fetch(_ALL, organization)]


async def count_rules(connection: Connection, organization: str) -> int:
    """Returns how many rules the organization has."""
    return int(await connection.fetchval(_COUNT, organization))


async def zone_and_now(connection: Connection, organization: str) -> tuple[ZoneInfo, dt.datetime]:
    """Returns the time zone of the organization, and the present time."""
    (row,) = await connection.fetch(_TIME_ZONE, organization)
    return ZoneInfo(row["time_zone"]), row["now"]


async def put_rule(connection: Connection, organization: str, rule: str, settings: RuleSettings) -> None:
    """Stores a rule, new or changed."""
    await connection.execute(
        _PUT, organization, rule, settings.display_name, "DISABLED" if settings.is_disabled else "ENABLED",
        list(settings.event_types), settings.scope_kind, settings.scope_id, settings.includes_descendants,
        list(settings.percents), list(settings.amounts_nano_credits), json.dumps(list(settings.recipients)),
        settings.severity, settings.schedule.frequency, settings.schedule.stored_quiet_hours,
        settings.overrides, settings.forbids_overrides, json.dumps(settings.conditions),
    )  # fmt: skip


async def delete_rule(connection: Connection, organization: str, rule: str) -> None:
    """Deletes a rule."""
    await connection.execute(_DELETE, organization, rule)
