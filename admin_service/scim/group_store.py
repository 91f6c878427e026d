"""The rows of the groups of a directory, and of who is in them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

_COLUMNS: Final = """
g.group_id, g.display_name, s.external_id, g.create_time, greatest(g.update_time, s.update_time)
"""
_FIND: Final = f"""
SELECT {_COLUMNS} FROM scim_groups s JOIN groups g ON g.organization_id = s.organization_id AND g.group_id = s.group_id
 WHERE s.organization_id = $1 AND g.delete_time IS NULL
"""  # noqa: S608
_BY_ID: Final = _FIND + "AND g.group_id = $2"
_BY_NAME: Final = _FIND + "AND lower(g.display_name) = lower($2)"
_ALL: Final = _FIND + "ORDER BY g.group_id LIMIT $2"
_MEMBERS: Final = """
SELECT i.group_id, i.member_id FROM scim_group_members i
  JOIN members m ON m.organization_id = i.organization_id AND m.member_id = i.member_id AND m.state <> 'REMOVED'
 WHERE i.organization_id = $1 AND i.group_id = ANY ($2::text[]) ORDER BY i.sequence LIMIT $3
"""
_ADD: Final = "INSERT INTO scim_groups (organization_id, group_id, external_id) VALUES ($1, $2, $3)"
_NOTE: Final = """
UPDATE scim_groups SET external_id = $3, update_time = now() WHERE organization_id = $1 AND group_id = $2
"""
_ADD_MEMBERS: Final = """
INSERT INTO scim_group_members (organization_id, group_id, member_id) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING
"""
_REMOVE_MEMBERS: Final = """
DELETE FROM scim_group_members WHERE organization_id = $1 AND group_id = $2 AND member_id = ANY ($3::text[])
"""
# The deepest group, else the one the member came into first. A member who is not where the directory put them stays there, and so
# does an admin.
_TO_MOVE: Final = """
SELECT m.member_id, place.group_id
  FROM members m
  JOIN scim_users s ON s.organization_id = m.organization_id AND s.member_id = m.member_id
  LEFT JOIN LATERAL (
       SELECT g.group_id FROM scim_group_members i
         JOIN groups g ON g.organization_id = i.organization_id AND g.group_id = i.group_id AND g.delete_time IS NULL
        WHERE i.organization_id = m.organization_id AND i.member_id = m.member_id
        ORDER BY cardinality(g.path) DESC, i.sequence LIMIT 1) place ON true
 WHERE m.organization_id = $1 AND m.member_id = ANY ($2::text[]) AND m.state <> 'REMOVED' AND m.role = 'MEMBER'
   AND m.group_id IS NOT DISTINCT FROM s.placed_group_id AND m.group_id IS DISTINCT FROM place.group_id
"""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the directory."""

    group: str
    display_name: str
    external_id: str | None
    create_time: dt.datetime
    update_time: dt.datetime


async def group_by_id(connection: Connection, organization: str, group: str) -> GroupRow | None:
    """Returns a group that the directory created and that is not deleted, or None."""
    row = await connection.fetchrow(_BY_ID, organization, group)
    return GroupRow(*row) if row else None


async def groups_by_name(connection: Connection, organization: str, display_name: str) -> list[GroupRow]:
    """Returns the groups of the directory with this name, in any case."""
    return [GroupRow(*row) for row in await connection.fetch(_BY_NAME, organization, display_name)]


async def groups_of(connection: Connection, organization: str, limit: int) -> list[GroupRow]:
    """Returns groups of the directory in the order of their ids."""
    return [GroupRow(*row) for row in await connection.fetch(_ALL, organization, limit)]


async def members_of(
    connection: Connection, organization: str, groups: Sequence[str], limit: int
) -> dict[str, list[str]]:
    """Returns the members of each group in the order in which they came, `limit` in all."""
    found: dict[str, list[str]] = {group: [] for group in groups}
    for group, member in await connection.fetch(_MEMBERS, organization, list(groups), limit):
        found[group].append(member)
    return found


async def add_group(connection: Connection, organization: str, group: str, external_id: str | None) -> None:
    """Notes that the directory created a group."""
    await connection.execute(_ADD, organization, group, external_id)


async def note_group(connection: Connection, organization: str, group: str, external_id: str | None) -> None:
    """Stores the directory's id of a group, and that it changed."""
    await connection.execute(_NOTE, organization, group, external_id)


async def change_members(
    connection: Connection, organization: str, group: str, added: Sequence[str], removed: Sequence[str]
) -> None:
    """Puts members into a group of the directory, and takes others out."""
    await connection.execute(_ADD_MEMBERS, organization, group, list(added))
    await connection.execute(_REMOVE_MEMBERS, organization, group, list(removed))


async def members_to_move(
    connection: Connection, organization: str, members: Sequence[str]
) -> dict[str | None, list[str]]:
    """Returns those of the members whose place in the tree differs from their groups, by the group they belong to."""
    moving: dict[str | None, list[str]] = {}
    for member, group in await connection.fetch(_TO_MOVE, organization, list(members)):
        moving.setdefault(group, []).append(member)
    return moving
