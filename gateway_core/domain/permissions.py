"""Who may do what to which resource: the four roles, each confined to its own subtree (design §7).

A permission is held by role and reaches as far as the role does. Reading reaches every resource in the subtree; changing what
belongs to a member also needs that member's role to be below one's own. What is one's own is always in reach.
"""

import enum
from dataclasses import dataclass
from typing import Final

from gateway_core.domain.scopes import Role


class Permission(enum.StrEnum):
    """`<resource>:<action>`; the names of the members are those of `megarouter.type.v1.Permission` without their prefix."""

    API_KEYS_DISABLE = "api_keys:disable"
    API_KEYS_READ = "api_keys:read"
    CREDITS_ADJUST = "credits:adjust"
    CREDITS_READ = "credits:read"
    CREDITS_REFUND = "credits:refund"
    CREDITS_TOP_UP = "credits:top_up"


@dataclass(frozen=True, slots=True)
class Actor:
    """An active member of an organization who asks for something."""

    organization: str
    member: str
    role: Role
    group_path: tuple[str, ...]
    """From level 1 down to the member's own group; empty for a member of the organization itself."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The member a resource belongs to."""

    member: str
    role: Role
    group_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for: something of a member, or, without an owner, of the organization as a whole."""

    organization: str
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Visibility:
    """Whose resources an actor sees in a list: those of `member`, and those of everybody below `group_path`."""

    member: str
    group_path: tuple[str, ...] | None
    """None: nobody else's. Empty: the whole organization."""


_ROLES_OF: Final = {
    Permission.API_KEYS_DISABLE: frozenset(Role),
    Permission.API_KEYS_READ: frozenset(Role),
    Permission.CREDITS_ADJUST: frozenset({Role.SUPER_ADMIN}),
    Permission.CREDITS_READ: frozenset({Role.SUPER_ADMIN, Role.L1_ADMIN}),
    Permission.CREDITS_REFUND: frozenset({Role.SUPER_ADMIN}),
    Permission.CREDITS_TOP_UP: frozenset({Role.SUPER_ADMIN, Role.L1_ADMIN}),
}
_READING: Final = frozenset({Permission.API_KEYS_READ, Permission.CREDITS_READ})
_RANK: Final = {Role.MEMBER: 0, Role.SUB_ADMIN: 1, Role.L1_ADMIN: 2, Role.SUPER_ADMIN: 3}


def may(actor: Actor, permission: Permission, target: Target) -> bool:
    """Whether the actor may do it. What no rule allows is refused."""
    if actor.organization != target.organization or actor.role not in _ROLES_OF[permission]:
        return False
    owner = target.owner
    if owner is None or owner.member == actor.member or actor.role is Role.SUPER_ADMIN:
        return True
    if actor.role is Role.MEMBER or not _contains(actor.group_path, owner.group_path):
        return False
    return permission in _READING or _RANK[owner.role] < _RANK[actor.role]


def visibility(actor: Actor) -> Visibility:
    """Whose resources the actor sees in a list; agrees with `may` for permissions to read."""
    if actor.role is Role.SUPER_ADMIN:
        return Visibility(actor.member, ())
    if actor.role is Role.MEMBER or not actor.group_path:
        return Visibility(actor.member, None)
    return Visibility(actor.member, actor.group_path)


def _contains(group_path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the other path is that group or lies below it. An admin without a group has no subtree."""
    return bool(group_path) and other[: len(group_path)] == group_path
