"""Reads what an import compares its rows with: groups, members and pending invites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Actor, Permission, Target, TargetKind, may
from admin_service.resources.invites.store import InviteRow, pending_invites_by_address
from admin_service.resources.member_imports.group_paths import GroupTree, KnownGroup
from admin_service.resources.members.store import MemberRow, get_members
from gateway_core.stores.postgres.connections import Connection

_GROUPS: Final = """
SELECT group_id, path, display_name FROM groups WHERE organization_id = $1 AND delete_time IS NULL ORDER BY tree_order
"""
_MEMBERS: Final = """
SELECT u.email, m.member_id FROM users u JOIN members m ON m.organization_id = $1 AND m.user_id = u.user_id
 WHERE u.email = ANY ($2::text[]) AND m.state <> 'REMOVED'
"""


@dataclass(frozen=True, slots=True)
class PresentState:
    """What is there before the import."""

    groups: GroupTree
    """Those that the caller sees, so that a path tells nothing about others."""
    members: Mapping[str, MemberRow]
    """By address, in lower case; without removed ones."""
    pending: Mapping[str, Sequence[InviteRow]]
    """Invites by address, in lower case."""


async def read_present_state(connection: Connection, actor: Actor, emails: Sequence[str]) -> PresentState:
    """Returns the state as of the transaction, which must act for the actor's organization."""
    organization = actor.organization
    rows = await connection.fetch(_GROUPS, organization)
    groups = (KnownGroup(group, tuple(path), name) for group, path, name in rows)
    found = await connection.fetch(_MEMBERS, organization, list(emails))
    members = await get_members(connection, organization, [row["member_id"] for row in found])
    return PresentState(
        GroupTree(group for group in groups if _is_seen(actor, group)),
        {row["email"]: members[row["member_id"]] for row in found},
        await pending_invites_by_address(connection, organization, emails),
    )


def _is_seen(actor: Actor, group: KnownGroup) -> bool:
    return may(actor, Permission.GROUPS_READ, Target(actor.organization, TargetKind.GROUP, group.path))
