"""The rows of groups."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Role
from admin_service.api.etags import etag_of
from gateway_core.stores.postgres.connections import Connection

_COLUMNS: Final = """
g.organization_id, g.group_id, g.display_name, g.path, g.create_time, g.update_time, g.delete_time,
(SELECT count(*) FROM groups c
  WHERE c.organization_id = g.organization_id AND c.parent_group_id = g.group_id AND c.delete_time IS NULL),
(SELECT count(*) FROM members m
  WHERE m.organization_id = g.organization_id AND m.group_id = g.group_id AND m.state <> 'REMOVED' AND m.user_id IS NOT NULL),
(SELECT count(*) FROM members m
  WHERE m.organization_id = g.organization_id AND m.state <> 'REMOVED' AND m.user_id IS NOT NULL AND m.group_id IN (
        SELECT d.group_id FROM groups d WHERE d.organization_id = g.organization_id
           AND d.tree_order >= g.tree_order AND d.tree_order < g.tree_order || '!')),
(SELECT count(*) FROM members m
  WHERE m.organization_id = g.organization_id AND m.group_id = g.group_id AND m.state <> 'REMOVED' AND m.user_id IS NULL),
"""
# Ids in `tree_order` are separated by blanks, and `!` is the next character: the range is the group and everything below it.

GROUP_COLUMNS: Final = _COLUMNS + "0::bigint, NULL::bigint, 0::bigint"
GROUP_SOURCE: Final = "groups g"
FULL_GROUP_COLUMNS: Final = _COLUMNS + "b.spent_nano_credits, b.budget_nano_credits, b.carried_nano_credits"
FULL_GROUP_SOURCE: Final = "groups g CROSS JOIN LATERAL present_spend(g.organization_id, 'group', g.group_id) b"

_GET: Final = f"SELECT {FULL_GROUP_COLUMNS} FROM {FULL_GROUP_SOURCE} WHERE g.organization_id = $1 AND g.group_id = $2"  # noqa: S608
_INSERT: Final = """
INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING true
"""
_RENAME: Final = "UPDATE groups SET display_name = $3 WHERE organization_id = $1 AND group_id = $2"
_DELETE: Final = "UPDATE groups SET delete_time = now() WHERE organization_id = $1 AND group_id = $2"
_REVOKE_INVITES: Final = """
UPDATE invites SET revoke_time = now()
 WHERE organization_id = $1 AND group_id = $2 AND revoke_time IS NULL AND expire_time > now() AND use_count < max_uses
"""
_HEIGHT: Final = """
SELECT max(cardinality(path)) - $3 + 1 FROM groups WHERE organization_id = $1 AND path[$3::int] = $2 AND delete_time IS NULL
"""
_ADMINS: Final = """
SELECT DISTINCT role, cardinality(group_path) FROM members
 WHERE organization_id = $1 AND group_path[$3::int] = $2 AND role IN ('L1_ADMIN', 'SUB_ADMIN') AND state <> 'REMOVED'
"""
_MOVE: Final = """
UPDATE groups
   SET path = $4::text[] || path[$3::int:],
       parent_group_id = CASE WHEN group_id = $2 THEN ($4::text[])[cardinality($4::text[])] ELSE parent_group_id END
 WHERE organization_id = $1 AND path[$3::int] = $2 AND delete_time IS NULL
"""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A stored group."""

    organization: str
    group: str
    display_name: str
    path: Sequence[str]
    """Group ids from level 1 down to this group, included."""
    create_time: dt.datetime
    update_time: dt.datetime
    delete_time: dt.datetime | None
    child_count: int
    member_count: int
    subtree_member_count: int
    service_account_count: int
    spent_nano_credits: int
    """0 unless read with FULL_GROUP_COLUMNS."""
    budget_nano_credits: int | None
    """None without a budget, or unless read with FULL_GROUP_COLUMNS."""
    carried_nano_credits: int
    """0 unless read with FULL_GROUP_COLUMNS."""

    @property
    def parent(self) -> str | None:
        """Id of the group above; None on level 1."""
        return self.path[-2] if len(self.path) > 1 else None

    @property
    def etag(self) -> str:
        """Changes with the group's name and place."""
        return etag_of(self.organization, self.group, self.display_name, self.path, self.update_time, self.delete_time)


async def get_group(connection: Connection, organization: str, group: str) -> GroupRow | None:
    """Returns the group with its spend, deleted or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, group)
    return GroupRow(*row) if row else None


async def insert_group(
    connection: Connection, organization: str, group: str, parent_path: Sequence[str], display_name: str
) -> bool:
    """Stores a group. Returns False if the id was ever used."""
    parent = parent_path[-1] if parent_path else None
    path = [*parent_path, group]
    return await connection.fetchval(_INSERT, organization, group, parent, path, display_name) is True


async def rename_group(connection: Connection, organization: str, group: str, display_name: str) -> None:
    """Changes the group's display name."""
    await connection.execute(_RENAME, organization, group, display_name)


async def mark_group_deleted(connection: Connection, organization: str, group: str) -> None:
    """Marks the group as deleted and revokes the pending invites into it. The row stays for history."""
    await connection.execute(_DELETE, organization, group)
    await connection.execute(_REVOKE_INVITES, organization, group)


async def height_of_group(connection: Connection, row: GroupRow) -> int:
    """Returns the number of levels from the group down to the deepest group below it, both included."""
    return int(await connection.fetchval(_HEIGHT, row.organization, row.group, len(row.path)))


async def admins_below(connection: Connection, row: GroupRow) -> Sequence[tuple[Role, int]]:
    """Returns the distinct roles and levels of the group admins in the group and below it."""
    found = await connection.fetch(_ADMINS, row.organization, row.group, len(row.path))
    return [(Role(role), level) for role, level in found]


async def move_group(connection: Connection, row: GroupRow, parent_path: Sequence[str]) -> None:
    """Moves the group and everything below it. Triggers update the paths of members and keys."""
    await connection.execute(_MOVE, row.organization, row.group, len(row.path), list(parent_path))
