"""The rows of service accounts: those of `members` without a user."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Role, Target, TargetKind
from admin_service.api.etags import etag_of
from admin_service.resources.default_limits.store import begin_member_guardrail
from gateway_core.stores.postgres.connections import Connection

_COLUMNS: Final = """
m.organization_id, m.member_id, m.display_name, m.group_id, m.group_path, m.state, m.create_time, m.update_time,
coalesce((SELECT g.display_name FROM groups g WHERE g.organization_id = m.organization_id AND g.group_id = m.group_id), ''),
(SELECT count(*) FROM api_keys k
  WHERE k.organization_id = m.organization_id AND k.member_id = m.member_id AND k.state <> 'DELETED'),
"""
SERVICE_ACCOUNT_COLUMNS: Final = _COLUMNS + "0::bigint, NULL::bigint, 0::bigint"
SERVICE_ACCOUNT_SOURCE: Final = "members m"
FULL_SERVICE_ACCOUNT_COLUMNS: Final = _COLUMNS + "b.spent_nano_credits, b.budget_nano_credits, b.carried_nano_credits"
FULL_SERVICE_ACCOUNT_SOURCE: Final = (
    "members m CROSS JOIN LATERAL present_spend(m.organization_id, 'member', m.member_id) b"
)
IS_SERVICE_ACCOUNT: Final = "m.user_id IS NULL"

_GET: Final = f"""
SELECT {FULL_SERVICE_ACCOUNT_COLUMNS} FROM {FULL_SERVICE_ACCOUNT_SOURCE}
 WHERE m.organization_id = $1 AND m.member_id = $2 AND {IS_SERVICE_ACCOUNT}
"""  # noqa: S608
_INSERT: Final = """
INSERT INTO members (organization_id, member_id, display_name, group_id, role) VALUES ($1, $2, $3, $4, 'MEMBER')
ON CONFLICT (organization_id, member_id) DO NOTHING RETURNING true
"""
_CHANGE: Final = """
UPDATE members SET display_name = $3, group_id = $4, state = $5
 WHERE organization_id = $1 AND member_id = $2 AND user_id IS NULL
"""
_DELETE_KEYS: Final = """
UPDATE api_keys SET state = 'DELETED', previous_secret_hash = NULL, previous_expire_time = NULL, update_time = now()
 WHERE organization_id = $1 AND member_id = $2 AND state <> 'DELETED'
"""


@dataclass(frozen=True, slots=True)
class ServiceAccountRow:
    """A stored service account."""

    organization: str
    service_account: str
    display_name: str
    group: str | None
    group_path: Sequence[str]
    """Group ids from level 1 down to its group; empty without a group."""
    state: str
    """ACTIVE, SUSPENDED while it is disabled, or REMOVED once it is deleted."""
    create_time: dt.datetime
    update_time: dt.datetime
    group_display_name: str
    """Empty without a group."""
    key_count: int
    spent_nano_credits: int
    """0 unless read with FULL_SERVICE_ACCOUNT_COLUMNS."""
    budget_nano_credits: int | None
    """None without a budget, or unless read with FULL_SERVICE_ACCOUNT_COLUMNS."""
    carried_nano_credits: int
    """0 unless read with FULL_SERVICE_ACCOUNT_COLUMNS."""

    @property
    def etag(self) -> str:
        """Changes with name, group and state."""
        return etag_of(
            self.organization, self.service_account, self.display_name, self.group, self.state, self.update_time
        )

    @property
    def target(self) -> Target:
        """The service account as the target of a permission check."""
        return Target(self.organization, TargetKind.PERSON, tuple(self.group_path), self.service_account, Role.MEMBER)


async def get_service_account(
    connection: Connection, organization: str, service_account: str
) -> ServiceAccountRow | None:
    """Returns the service account with its spend, deleted or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, service_account)
    return ServiceAccountRow(*row) if row else None


async def insert_service_account(
    connection: Connection, organization: str, service_account: str, display_name: str, group: str | None
) -> bool:
    """Stores a service account. Its guardrail begins with the default of its place. Returns False if the id was ever used."""
    made = await connection.fetchval(_INSERT, organization, service_account, display_name, group)
    if made:
        await begin_member_guardrail(connection, organization, service_account, group)
    return made is True


async def change_service_account(connection: Connection, row: ServiceAccountRow) -> None:
    """Stores the name, the group and the state. Deletion deletes the keys. Triggers notify the data plane."""
    await connection.execute(_CHANGE, row.organization, row.service_account, row.display_name, row.group, row.state)
    if row.state == "REMOVED":
        await connection.execute(_DELETE_KEYS, row.organization, row.service_account)
