"""The rows of rules."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from admin_service.api.etags import etag_of
from gateway_core.stores.postgres.connections import Connection

PATH: Final = "(coalesce(g.path, m.group_path, k.group_path, ARRAY[]::text[]))"
COLUMNS: Final = f"""
r.organization_id, r.rule_id, r.display_name, r.state = 'DISABLED', r.event_types, r.scope_kind, r.scope_id, r.includes_descendants,
r.percents, r.amounts_nano_credits, r.recipients, r.conditions, r.create_time, r.update_time, {PATH},
coalesce(g.display_name, m.display_name, u.display_name, k.display_name, o.display_name, '')
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
_COUNT: Final = "SELECT count(*) FROM notification_rules WHERE organization_id = $1"
_PUT: Final = """
INSERT INTO notification_rules (organization_id, rule_id, display_name, state, event_types, scope_kind, scope_id,
                                includes_descendants, percents, amounts_nano_credits, recipients, conditions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (organization_id, rule_id) DO UPDATE
   SET display_name = excluded.display_name, state = excluded.state, event_types = excluded.event_types,
       scope_kind = excluded.scope_kind, scope_id = excluded.scope_id, includes_descendants = excluded.includes_descendants,
       percents = excluded.percents, amounts_nano_credits = excluded.amounts_nano_credits, recipients = excluded.recipients,
       conditions = excluded.conditions, update_time = now()
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

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.rule, self.update_time, self.settings)


def make_rule_row(organization: str, rule: str, *rest: Any) -> RuleRow:  # noqa: ANN401 - the columns
    """Makes a row from the columns."""
    settings, (recipients, conditions, *others) = rest[:8], rest[8:]
    values = (*settings, json.loads(recipients), json.loads(conditions))
    return RuleRow(organization, rule, RuleSettings(*values), *others)


async def get_rule(connection: Connection, organization: str, rule: str) -> RuleRow | None:
    """Returns a rule, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, rule)
    return make_rule_row(*row) if row else None


async def count_rules(connection: Connection, organization: str) -> int:
    """Returns how many rules the organization has."""
    return int(await connection.fetchval(_COUNT, organization))


async def put_rule(connection: Connection, organization: str, rule: str, settings: RuleSettings) -> None:
    """Stores a rule, new or changed."""
    await connection.execute(
        _PUT, organization, rule, settings.display_name, "DISABLED" if settings.is_disabled else "ENABLED",
        list(settings.event_types), settings.scope_kind, settings.scope_id, settings.includes_descendants,
        list(settings.percents), list(settings.amounts_nano_credits), json.dumps(list(settings.recipients)),
        json.dumps(settings.conditions),
    )  # fmt: skip


async def delete_rule(connection: Connection, organization: str, rule: str) -> None:
    """Deletes a rule."""
    await connection.execute(_DELETE, organization, rule)
