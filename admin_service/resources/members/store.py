"""The rows of members."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from admin_service.access.permissions import Role, Target, TargetKind
from admin_service.api.etags import etag_of
from admin_service.listing.orders import SortColumn
from admin_service.listing.rankings import Ranking
from gateway_core.stores.postgres.connections import Connection

_COLUMNS: Final = """
m.organization_id, m.member_id, m.user_id, u.display_name, coalesce(u.email, ''), m.role, m.group_id, m.group_path, m.state,
m.create_time, m.update_time,
coalesce((SELECT g.display_name FROM groups g WHERE g.organization_id = m.organization_id AND g.group_id = m.group_id), ''),
(SELECT count(*) FROM api_keys k
  WHERE k.organization_id = m.organization_id AND k.member_id = m.member_id AND k.state <> 'DELETED'),
"""
MEMBER_COLUMNS: Final = _COLUMNS + "0::bigint, NULL::bigint, 0::bigint"
MEMBER_SOURCE: Final = "members m JOIN users u ON u.user_id = m.user_id"
IS_PERSON: Final = "m.user_id IS NOT NULL"
"""Leaves out service accounts in a way that the indexes know."""
FULL_MEMBER_COLUMNS: Final = _COLUMNS + "b.spent_nano_credits, b.budget_nano_credits, b.carried_nano_credits"
FULL_MEMBER_SOURCE: Final = (
    MEMBER_SOURCE + " CROSS JOIN LATERAL present_spend(m.organization_id, 'member', m.member_id) b"
)


def rankings_of_members(kind: Literal["member", "service_account"]) -> Mapping[str, Ranking]:
    """Returns the rankings of lists of members, as `m`, by the field of `order_by`."""
    spend = Ranking("standings", kind, "m", "member_id", SortColumn("t.spent_nano_credits", "bigint"), is_periodic=True)
    keys = Ranking("key_counts", kind, "m", "member_id", SortColumn("t.key_count", "bigint"))
    return {"spent_nano_credits": spend, "key_count": keys}


_GET: Final = f"""
SELECT {FULL_MEMBER_COLUMNS} FROM {FULL_MEMBER_SOURCE} WHERE m.organization_id = $1 AND m.member_id = ANY ($2::text[])
"""  # noqa: S608
_PLACE: Final = "UPDATE members SET group_id = $3 WHERE organization_id = $1 AND member_id = ANY ($2::text[])"
_SET_ROLE: Final = "UPDATE members SET role = $3, group_id = $4 WHERE organization_id = $1 AND member_id = $2"
_SET_STATE: Final = "UPDATE members SET state = $3 WHERE organization_id = $1 AND member_id = ANY ($2::text[])"
_DELETE_KEYS: Final = """
UPDATE api_keys SET state = 'DELETED', update_time = now()
 WHERE organization_id = $1 AND member_id = ANY ($2::text[]) AND state <> 'DELETED'
"""
_OTHER_SUPER_ADMIN: Final = """
SELECT EXISTS (SELECT FROM members WHERE organization_id = $1 AND role = 'SUPER_ADMIN' AND state = 'ACTIVE'
                  AND member_id <> ALL ($2::text[]))
"""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member, with the user's name and address."""

    organization: str
    member: str
    user: str
    display_name: str
    email: str
    """Empty if there is none."""
    role: str
    group: str | None
    group_path: Sequence[str]
    """Group ids from level 1 down to the member's group; empty without a group."""
    state: str
    create_time: dt.datetime
    update_time: dt.datetime
    group_display_name: str
    """Empty without a group."""
    key_count: int
    spent_nano_credits: int
    """0 unless read with FULL_MEMBER_COLUMNS."""
    budget_nano_credits: int | None
    """None without a budget, or unless read with FULL_MEMBER_COLUMNS."""
    carried_nano_credits: int
    """0 unless read with FULL_MEMBER_COLUMNS."""

    @property
    def etag(self) -> str:
        """Changes with role, group and state."""
        return etag_of(self.organization, self.member, self.role, self.group, self.state, self.update_time)

    @property
    def target(self) -> Target:
        """The member as the target of a permission check."""
        return Target(self.organization, TargetKind.PERSON, tuple(self.group_path), self.member, Role(self.role))

    @property
    def is_active_super_admin(self) -> bool:
        """Whether the member counts as an active Super Admin, of whom an organization must keep at least one."""
        return self.role == Role.SUPER_ADMIN and self.state == "ACTIVE"


async def get_members(connection: Connection, organization: str, members: Sequence[str]) -> dict[str, MemberRow]:
    """Returns the existing members by id, removed or not, with their spend."""
    rows = await connection.fetch(_GET, organization, list(members))
    return {row["member_id"]: MemberRow(*row) for row in rows}


async def place_members(connection: Connection, organization: str, members: Sequence[str], group: str | None) -> None:
    """Puts members into a group. Triggers update their paths and notify the data plane."""
    await connection.execute(_PLACE, organization, list(members), group)


async def set_member_role(
    connection: Connection, organization: str, member: str, role: Role, group: str | None
) -> None:
    """Gives the member a role and the group that goes with it."""
    await connection.execute(_SET_ROLE, organization, member, role, group)


async def set_member_state(connection: Connection, organization: str, members: Sequence[str], state: str) -> None:
    """Suspends, resumes or removes members. Removal deletes their keys. A trigger notifies the data plane."""
    await connection.execute(_SET_STATE, organization, list(members), state)
    if state == "REMOVED":
        await connection.execute(_DELETE_KEYS, organization, list(members))


async def has_other_super_admin(connection: Connection, organization: str, members: Sequence[str]) -> bool:
    """Whether there is an active Super Admin besides these members."""
    return await connection.fetchval(_OTHER_SUPER_ADMIN, organization, list(members)) is True
