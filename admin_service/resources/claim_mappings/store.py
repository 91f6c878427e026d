"""The rows of claim mappings, and of what claims gave to members."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.access.permissions import Role
from admin_service.resources.claim_mappings.rules import Given, Holding
from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = """
p.organization_id, p.claim_mapping_id, p.issuer, p.claim, p.value, p.role, p.group_id, coalesce(g.path, '{}'), p.user_id,
p.create_time, coalesce(g.display_name, '')
"""
SOURCE: Final = """
claim_mappings p LEFT JOIN groups g ON g.organization_id = p.organization_id AND g.group_id = p.group_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE p.organization_id = $1 AND p.claim_mapping_id = $2"  # noqa: S608
_COUNT: Final = "SELECT count(*) FROM claim_mappings WHERE organization_id = $1"
_ADD: Final = """
INSERT INTO claim_mappings (organization_id, claim_mapping_id, issuer, claim, value, role, group_id, user_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
"""
_DELETE: Final = "DELETE FROM claim_mappings WHERE organization_id = $1 AND claim_mapping_id = $2"
_OF_CLAIMS: Final = "SELECT organization_id, wants, has FROM organizations_of_claims($1, $2, $3, $4)"
_GIVEN: Final = """
SELECT role, group_id, base_role, base_group_id, is_overridden, issuer FROM claim_memberships
 WHERE organization_id = $1 AND user_id = $2
"""
_KEEP: Final = """
INSERT INTO claim_memberships (organization_id, member_id, user_id, issuer, role, group_id, base_role, base_group_id, is_overridden)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, member_id) DO UPDATE
SET role = excluded.role, group_id = excluded.group_id, base_role = excluded.base_role, base_group_id = excluded.base_group_id,
    is_overridden = excluded.is_overridden
"""
_FORGET: Final = "DELETE FROM claim_memberships WHERE organization_id = $1 AND user_id = $2"
_MEMBER_OF_USER: Final = "SELECT member_id FROM members WHERE organization_id = $1 AND user_id = $2"
_IS_GROUP_IN_USE: Final = """
SELECT EXISTS (SELECT FROM groups WHERE organization_id = $1 AND group_id = $2 AND delete_time IS NULL)
"""


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A stored mapping."""

    organization: str
    mapping: str
    issuer: str
    claim: str
    value: str
    role: str
    group: str | None
    group_path: Sequence[str]
    creator: str
    create_time: dt.datetime
    group_display_name: str


@dataclass(frozen=True, slots=True)
class ClaimedOrganization:
    """An organization that the claims of a sign-in concern. Both texts are a role, or `role/group`."""

    organization: str
    wants: str | None
    """What the claims map to; None for nothing."""
    has: str | None
    """What claims of this issuer gave: empty if the member is suspended, `overridden` if they leave the member alone."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing changes."""
        if self.has == "overridden":
            return self.wants is not None
        return (self.wants or "") == (self.has or "") and (self.wants is None or self.has is not None)

    @property
    def wanted(self) -> Holding | None:
        """What the claims map to."""
        if self.wants is None:
            return None
        role, _, group = self.wants.partition("/")
        return Holding(Role(role), group or None)


async def get_mapping(connection: Connection, organization: str, mapping: str) -> MappingRow | None:
    """Returns a mapping, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, mapping)
    return MappingRow(*row) if row else None


async def count_mappings(connection: Connection, organization: str) -> int:
    """Returns how many mappings the organization has."""
    return int(await connection.fetchval(_COUNT, organization))


async def add_mapping(
    connection: Connection,
    organization: str,
    mapping: str,
    source: tuple[str, str, str],
    gives: Holding,
    creator: str,
) -> bool:
    """Stores a mapping from issuer, claim and value. Returns False if there is one for the same value."""
    made = await connection.fetchval(_ADD, organization, mapping, *source, gives.role, gives.group, creator)
    return made is True


async def delete_mapping(connection: Connection, organization: str, mapping: str) -> None:
    """Deletes a mapping."""
    await connection.execute(_DELETE, organization, mapping)


async def organizations_of_claims(
    executor: asyncpg.Pool | Connection, issuer: str, pairs: Sequence[tuple[str, str]], user: str
) -> list[ClaimedOrganization]:
    """Returns the organizations that the claims of a sign-in concern, whichever the transaction acts for.

    Args:
        executor: a connection, or a pool.
        issuer: of the sign-in.
        pairs: names and values of its claims.
        user: who signed in.
    """
    names, values = [name for name, _ in pairs], [value for _, value in pairs]
    return [ClaimedOrganization(*row) for row in await executor.fetch(_OF_CLAIMS, issuer, names, values, user)]


async def given_to(connection: Connection, organization: str, user: str) -> tuple[Given, str] | None:
    """Returns what claims gave to a user, with the issuer; None for nothing."""
    row = await connection.fetchrow(_GIVEN, organization, user)
    if row is None:
        return None
    holding = Holding(Role(row["role"]), row["group_id"]) if row["role"] else None
    base = Holding(Role(row["base_role"]), row["base_group_id"]) if row["base_role"] else None
    return Given(holding, base, is_overridden=row["is_overridden"]), row["issuer"]


async def keep_given(
    connection: Connection, organization: str, member: str, user: str, issuer: str, given: Given
) -> None:
    """Stores what claims gave to a member."""
    holding, base = given.holding, given.base
    await connection.execute(
        _KEEP, organization, member, user, issuer, holding.role if holding else "", holding and holding.group,
        base and base.role, base and base.group, given.is_overridden,
    )  # fmt: skip


async def forget_given(connection: Connection, organization: str, user: str) -> None:
    """Forgets what claims gave to a user."""
    await connection.execute(_FORGET, organization, user)


async def member_of_user(connection: Connection, organization: str, user: str) -> str | None:
    """Returns the id of the user's membership, removed or not; None if there is none."""
    member: str | None = await connection.fetchval(_MEMBER_OF_USER, organization, user)
    return member


async def is_group_in_use(connection: Connection, organization: str, group: str | None) -> bool:
    """Whether a member can be put into the group. None stands for no group."""
    return group is None or await connection.fetchval(_IS_GROUP_IN_USE, organization, group) is True
