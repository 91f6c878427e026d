"""The rows of what a directory keeps of members."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.stores.postgres.connections import Connection

_USER_NAME: Final = "coalesce(s.user_name, u.email, m.member_id)"
_SOURCE: Final = """
members m JOIN users u ON u.user_id = m.user_id
  LEFT JOIN scim_users s ON s.organization_id = m.organization_id AND s.member_id = m.member_id AND s.delete_time IS NULL
"""
_COLUMNS: Final = f"""
m.member_id, m.user_id, m.role, m.state, m.group_id, {_USER_NAME}, s.external_id, s.attributes, u.display_name,
coalesce(u.email, ''), s.member_id IS NOT NULL, coalesce(s.is_own_user, false), coalesce(s.is_suspended, false), s.placed_group_id,
m.create_time, greatest(m.update_time, s.update_time),
(SELECT array_agg(ARRAY[g.group_id, g.display_name] ORDER BY g.group_id)
   FROM scim_group_members i JOIN groups g ON g.organization_id = i.organization_id AND g.group_id = i.group_id
  WHERE i.organization_id = m.organization_id AND i.member_id = m.member_id AND g.delete_time IS NULL)
"""  # noqa: S608
_PRESENT: Final = "m.organization_id = $1 AND m.user_id IS NOT NULL AND m.state <> 'REMOVED'"
_FIND: Final = f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {_PRESENT} "  # noqa: S608
_BY_ID: Final = _FIND + "AND m.member_id = ANY ($2::text[])"
_BY_NAME: Final = _FIND + f"AND lower({_USER_NAME}) = lower($2)"
_BY_EMAIL: Final = _FIND + "AND u.email = $2"
_BY_EXTERNAL_ID: Final = _FIND + "AND s.external_id = $2 ORDER BY m.member_id"
_ALL: Final = _FIND + "ORDER BY m.member_id OFFSET $2 LIMIT $3"
_COUNT: Final = f"SELECT count(*) FROM members m WHERE {_PRESENT}"  # noqa: S608
_IS_NAME_KEPT: Final = """
SELECT EXISTS (SELECT FROM scim_users WHERE organization_id = $1 AND lower(user_name) = lower($2) AND delete_time IS NULL)
"""
_REMOVED: Final = """
SELECT s.member_id FROM scim_users s JOIN members m ON m.organization_id = s.organization_id AND m.member_id = s.member_id
 WHERE s.organization_id = $1 AND lower(s.user_name) = lower($2) AND s.external_id = $3 AND s.delete_time IS NOT NULL
   AND m.state = 'REMOVED'
 ORDER BY s.delete_time DESC LIMIT 1
"""
_KEEP: Final = """
INSERT INTO scim_users (organization_id, member_id, user_name, external_id, attributes, is_own_user) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, member_id) DO UPDATE
SET user_name = excluded.user_name, external_id = excluded.external_id, attributes = excluded.attributes, update_time = now(),
    delete_time = NULL
"""
_FORMER: Final = """
SELECT s.member_id IS NOT NULL FROM members m
  LEFT JOIN scim_users s ON s.organization_id = m.organization_id AND s.member_id = m.member_id AND s.delete_time IS NOT NULL
 WHERE m.organization_id = $1 AND m.user_id = $2 AND m.state = 'REMOVED'
"""
_MAY_CHANGE_ADMINS: Final = (
    "SELECT may_change_admins FROM credentials WHERE organization_id = $1 AND credential_id = $2"
)
_SET_SUSPENDED: Final = """
UPDATE scim_users SET is_suspended = $3, update_time = now() WHERE organization_id = $1 AND member_id = $2
"""
_FORGET: Final = """
UPDATE scim_users
   SET delete_time = CASE WHEN NOT $3 THEN now() END, update_time = now(), is_suspended = false, placed_group_id = NULL
 WHERE organization_id = $1 AND member_id = $2
"""
_LEAVE_GROUPS: Final = "DELETE FROM scim_group_members WHERE organization_id = $1 AND member_id = $2"
_NOTE_PLACES: Final = """
UPDATE scim_users SET placed_group_id = $3 WHERE organization_id = $1 AND member_id = ANY ($2::text[])
"""
_HAS_IDENTITY: Final = "SELECT EXISTS (SELECT FROM user_identities WHERE user_id = $1)"
_MEMBERSHIPS: Final = "SELECT count(*) FROM organizations_of_user($1)"


@dataclass(frozen=True, slots=True)
class UserRow:
    """A member as SCIM sees them."""

    member: str
    user: str
    role: str
    state: str
    group: str | None
    user_name: str
    external_id: str | None
    stored: str | None
    """The other kept attributes, as JSON; None if the directory has not written any."""
    display_name: str
    email: str
    """The user's address; empty if there is none."""
    is_kept: bool
    """Whether the directory created or changed the member."""
    is_own_user: bool
    is_suspended: bool
    """Whether the directory suspended the member."""
    placed_group: str | None
    create_time: dt.datetime
    update_time: dt.datetime
    groups: Sequence[Sequence[str]] | None
    """Id and name of each group of the directory with the member."""

    @property
    def attributes(self) -> dict[str, Any]:
        """The other kept attributes."""
        kept: dict[str, Any] = json.loads(self.stored) if self.stored else {}
        return kept


async def users_by_id(connection: Connection, organization: str, members: Sequence[str]) -> dict[str, UserRow]:
    """Returns the present members with these ids."""
    rows = await connection.fetch(_BY_ID, organization, list(members))
    return {row["member_id"]: UserRow(*row) for row in rows}


async def users_by_name(connection: Connection, organization: str, user_name: str) -> list[UserRow]:
    """Returns the present members with this name, in any case."""
    return [UserRow(*row) for row in await connection.fetch(_BY_NAME, organization, user_name)]


async def users_by_external_id(connection: Connection, organization: str, external_id: str) -> list[UserRow]:
    """Returns the present members with this id of the directory."""
    return [UserRow(*row) for row in await connection.fetch(_BY_EXTERNAL_ID, organization, external_id)]


async def user_by_email(connection: Connection, organization: str, email: str) -> UserRow | None:
    """Returns the present member whose user has the address."""
    row = await connection.fetchrow(_BY_EMAIL, organization, email)
    return UserRow(*row) if row else None


async def users_of(connection: Connection, organization: str, offset: int, limit: int) -> list[UserRow]:
    """Returns present members in the order of their ids."""
    return [UserRow(*row) for row in await connection.fetch(_ALL, organization, offset, limit)]


async def count_users(connection: Connection, organization: str) -> int:
    """Returns how many members there are."""
    return int(await connection.fetchval(_COUNT, organization))


async def is_name_kept(connection: Connection, organization: str, user_name: str) -> bool:
    """Whether a user of the directory has the name, also one whom an admin removed."""
    return await connection.fetchval(_IS_NAME_KEPT, organization, user_name) is True


async def removed_member(connection: Connection, organization: str, user_name: str, external_id: str) -> str | None:
    """Returns the member whom the directory removed under the same name and id."""
    found: str | None = await connection.fetchval(_REMOVED, organization, user_name, external_id)
    return found


async def keep_user(
    connection: Connection, organization: str, member: str, wanted: Mapping[str, Any], *, is_own_user: bool = False
) -> None:
    """Stores what the directory says of a member. `is_own_user` counts only the first time."""
    others = {name: wanted[name] for name in ("displayName", "name", "emails") if name in wanted}
    await connection.execute(
        _KEEP, organization, member, wanted["userName"], wanted.get("externalId"), json.dumps(others), is_own_user
    )


async def set_suspended(connection: Connection, organization: str, member: str, *, is_suspended: bool) -> None:
    """Notes whether the directory suspended the member."""
    await connection.execute(_SET_SUSPENDED, organization, member, is_suspended)


async def forget_user(connection: Connection, organization: str, member: str, *, is_name_kept: bool) -> None:
    """Notes that the directory removed the member. With `is_name_kept`, no other user can have the name."""
    await connection.execute(_LEAVE_GROUPS, organization, member)
    await connection.execute(_FORGET, organization, member, is_name_kept)


async def note_places(connection: Connection, organization: str, members: Sequence[str], group: str | None) -> None:
    """Notes where the directory put members."""
    await connection.execute(_NOTE_PLACES, organization, list(members), group)


async def was_removed_by_directory(connection: Connection, organization: str, user: str) -> bool | None:
    """Whether the directory removed the user's membership; False if an admin did, and None if there is no removed one."""
    answer: bool | None = await connection.fetchval(_FORMER, organization, user)
    return answer


async def may_change_admins(connection: Connection, organization: str, credential: str | None) -> bool:
    """Whether a credential may suspend and remove admins."""
    return bool(await connection.fetchval(_MAY_CHANGE_ADMINS, organization, credential))


async def is_only_here(connection: Connection, user: str) -> bool:
    """Whether the user never signed in, and is a member of no other organization."""
    if await connection.fetchval(_HAS_IDENTITY, user):
        return False
    return int(await connection.fetchval(_MEMBERSHIPS, user)) <= 1
