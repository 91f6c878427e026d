"""Who may do what to which resource: four roles, each confined to its subtree.

Each permission lists the roles that hold it, and reaches as far as the role does. A Super Admin reaches everything in the
organization. A group admin sees their whole subtree, and changes what is lower in it: groups strictly inside their own group, and
members of lower roles with everything that belongs to them. Every member sees themselves and what is above them, and changes what
belongs to them.
"""

import enum
from dataclasses import dataclass
from typing import Final


class Role(enum.StrEnum):
    """The four roles, each confined to its subtree (docs/concepts/glossary.md)."""

    SUPER_ADMIN = "SUPER_ADMIN"
    L1_ADMIN = "L1_ADMIN"
    SUB_ADMIN = "SUB_ADMIN"
    MEMBER = "MEMBER"


class Permission(enum.StrEnum):
    """A permission, `<resource>:<action>`. Member names are those of `megarouter.type.v1.Permission` without the prefix."""

    ACCESS_EXPLAIN = "access:explain"
    ACCESS_TOKENS_READ = "access_tokens:read"
    ACCESS_TOKENS_REVOKE_CURRENT = "access_tokens:revoke_current"
    ACCESS_TOKENS_WRITE = "access_tokens:write"
    ACCOUNTS_LEAVE = "accounts:leave"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_SWITCH = "accounts:switch"
    ANALYSES_WRITE = "analyses:write"
    ANALYSIS_SETTINGS_READ = "analysis_settings:read"
    ANALYSIS_SETTINGS_WRITE = "analysis_settings:write"
    ANOMALIES_READ = "anomalies:read"
    ANOMALIES_WRITE = "anomalies:write"
    API_KEYS_DISABLE = "api_keys:disable"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    AUDIT_LOG_READ = "audit_log:read"
    CATALOG_READ = "catalog:read"
    CLAIM_MAPPINGS_READ = "claim_mappings:read"
    CLAIM_MAPPINGS_WRITE = "claim_mappings:write"
    CREDENTIALS_READ = "credentials:read"
    CREDENTIALS_WRITE = "credentials:write"
    CREDITS_ADJUST = "credits:adjust"
    CREDITS_INVOICE = "credits:invoice"
    CREDITS_READ = "credits:read"
    CREDITS_REFUND = "credits:refund"
    CREDITS_TOP_UP = "credits:top_up"
    GROUPS_READ = "groups:read"
    GROUPS_WRITE = "groups:write"
    GUARDRAIL_DEFAULTS_READ = "guardrail_defaults:read"
    GUARDRAIL_DEFAULTS_WRITE = "guardrail_defaults:write"
    GUARDRAILS_READ = "guardrails:read"
    GUARDRAILS_WRITE = "guardrails:write"
    INVITES_ACCEPT = "invites:accept"
    INVITES_READ = "invites:read"
    INVITES_WRITE = "invites:write"
    MEMBER_ACCESS_TOKENS_READ = "member_access_tokens:read"
    MEMBER_ACCESS_TOKENS_WRITE = "member_access_tokens:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    NOTIFICATION_CHANNELS_READ = "notification_channels:read"
    NOTIFICATION_CHANNELS_WRITE = "notification_channels:write"
    NOTIFICATION_RULES_READ = "notification_rules:read"
    NOTIFICATION_RULES_WRITE = "notification_rules:write"
    PROVIDER_CREDENTIALS_READ = "provider_credentials:read"
    PROVIDER_CREDENTIALS_WRITE = "provider_credentials:write"
    ROUTING_POLICIES_READ = "routing_policies:read"
    ROUTING_POLICIES_WRITE = "routing_policies:write"
    VIRTUAL_MODELS_READ = "virtual_models:read"
    VIRTUAL_MODELS_WRITE = "virtual_models:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    OPERATORS_READ = "operators:read"
    OPERATORS_WRITE = "operators:write"
    ORGANIZATIONS_CREATE = "organizations:create"
    ORGANIZATIONS_DELETE = "organizations:delete"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_SUSPEND = "organizations:suspend"
    ORGANIZATIONS_UPDATE = "organizations:update"
    SCIM_READ = "scim:read"
    SCIM_WRITE = "scim:write"
    SERVICE_ACCOUNTS_READ = "service_accounts:read"
    SERVICE_ACCOUNTS_WRITE = "service_accounts:write"
    SIGN_IN_LINKS_EXCHANGE = "sign_in_links:exchange"
    SIGN_IN_LINKS_READ = "sign_in_links:read"
    SIGN_IN_LINKS_WRITE = "sign_in_links:write"
    USAGE_EXPORTS_OPEN = "usage_exports:open"
    USAGE_EXPORTS_READ = "usage_exports:read"
    USAGE_EXPORTS_WRITE = "usage_exports:write"
    USAGE_READ = "usage:read"


class TargetKind(enum.Enum):
    """What kind of thing a target is, which decides how far a role reaches."""

    WITHIN = "within"
    """Something that belongs to the organization as a whole, or a collection of which the caller may see only a part."""
    ORGANIZATION = "organization"
    """The organization itself, and its guardrail."""
    GROUP = "group"
    """A group, and its guardrail."""
    PERSON = "person"
    """A member or a service account, and their guardrail. Also an invite, which stands for a future member."""
    BELONGING = "belonging"
    """Something that belongs to a member, such as an API key and its guardrail."""
    SPEND = "spend"
    """What is known about the spend of a member or a group. Members see their own, admins that of their subtree."""


@dataclass(frozen=True, slots=True)
class Actor:
    """An active member of an organization who makes a call."""

    organization: str
    member: str
    role: Role
    group_path: tuple[str, ...]
    """Group ids from level 1 down to the member's own group; empty for a member directly in the organization."""
    is_credential: bool = False
    """Whether it is a credential: a program that reaches the whole organization. Its id is in `member`, and no member has it."""


@dataclass(frozen=True, slots=True)
class Target:
    """The resource that a permission is checked on."""

    organization: str
    kind: TargetKind = TargetKind.WITHIN
    group_path: tuple[str, ...] = ()
    """Path of the group, or of the member's group."""
    member: str | None = None
    """Id of the member, or of the member who owns the resource; None for an invite."""
    role: Role | None = None
    """Role of that member, or the role that an invite grants."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Whose resources an actor sees in a list: their own (`member`), and those of all members in the subtree of `group_path`."""

    member: str
    group_path: tuple[str, ...] | None
    """None: only their own. Empty: the whole organization."""


_ALL: Final = frozenset(Role)
_ADMINS: Final = frozenset({Role.SUPER_ADMIN, Role.L1_ADMIN, Role.SUB_ADMIN})
_UPPER_ADMINS: Final = frozenset({Role.SUPER_ADMIN, Role.L1_ADMIN})
_SUPER_ADMINS: Final = frozenset({Role.SUPER_ADMIN})

ROLES_OF: Final = {
    Permission.ACCESS_EXPLAIN: _ALL,
    Permission.ANALYSES_WRITE: _ADMINS,
    Permission.ANALYSIS_SETTINGS_READ: _SUPER_ADMINS,
    Permission.ANALYSIS_SETTINGS_WRITE: _SUPER_ADMINS,
    Permission.ANOMALIES_READ: _ALL,
    Permission.ANOMALIES_WRITE: _ADMINS,
    Permission.API_KEYS_DISABLE: _ALL,
    Permission.API_KEYS_READ: _ALL,
    Permission.API_KEYS_WRITE: _ALL,
    Permission.AUDIT_LOG_READ: _ADMINS,
    Permission.CLAIM_MAPPINGS_READ: _ADMINS,
    Permission.CLAIM_MAPPINGS_WRITE: _ADMINS,
    Permission.CREDENTIALS_READ: _SUPER_ADMINS,
    Permission.CREDENTIALS_WRITE: _SUPER_ADMINS,
    Permission.CREDITS_ADJUST: _SUPER_ADMINS,
    Permission.CREDITS_INVOICE: _UPPER_ADMINS,
    Permission.CREDITS_READ: _UPPER_ADMINS,
    Permission.CREDITS_REFUND: _SUPER_ADMINS,
    Permission.CREDITS_TOP_UP: _UPPER_ADMINS,
    Permission.GROUPS_READ: _ALL,
    Permission.GROUPS_WRITE: _UPPER_ADMINS,
    Permission.GUARDRAIL_DEFAULTS_READ: _ALL,
    Permission.GUARDRAIL_DEFAULTS_WRITE: _ADMINS,
    Permission.GUARDRAILS_READ: _ALL,
    Permission.GUARDRAILS_WRITE: _ALL,
    Permission.INVITES_READ: _ADMINS,
    Permission.INVITES_WRITE: _ADMINS,
    Permission.MEMBER_ACCESS_TOKENS_READ: _ADMINS,
    Permission.MEMBER_ACCESS_TOKENS_WRITE: _ADMINS,
    Permission.MEMBERS_READ: _ALL,
    Permission.MEMBERS_WRITE: _ADMINS,
    Permission.NOTIFICATION_CHANNELS_READ: _ADMINS,
    Permission.NOTIFICATION_CHANNELS_WRITE: _ADMINS,
    Permission.NOTIFICATION_RULES_READ: _ADMINS,
    Permission.NOTIFICATION_RULES_WRITE: _ADMINS,
    Permission.NOTIFICATIONS_READ: _ALL,
    Permission.NOTIFICATIONS_WRITE: _ALL,
    Permission.ORGANIZATIONS_DELETE: _SUPER_ADMINS,
    Permission.ORGANIZATIONS_READ: _ALL,
    Permission.ORGANIZATIONS_SUSPEND: _SUPER_ADMINS,
    Permission.ORGANIZATIONS_UPDATE: _SUPER_ADMINS,
    Permission.PROVIDER_CREDENTIALS_READ: _SUPER_ADMINS,
    Permission.PROVIDER_CREDENTIALS_WRITE: _SUPER_ADMINS,
    Permission.ROUTING_POLICIES_READ: _ALL,
    Permission.ROUTING_POLICIES_WRITE: _ADMINS,
    Permission.SCIM_READ: _SUPER_ADMINS,
    Permission.SCIM_WRITE: _SUPER_ADMINS,
    Permission.SERVICE_ACCOUNTS_READ: _ADMINS,
    Permission.SERVICE_ACCOUNTS_WRITE: _ADMINS,
    Permission.SIGN_IN_LINKS_READ: _ADMINS,
    Permission.SIGN_IN_LINKS_WRITE: _ADMINS,
    Permission.USAGE_EXPORTS_READ: _ALL,
    Permission.USAGE_EXPORTS_WRITE: _ALL,
    Permission.USAGE_READ: _ALL,
    Permission.VIRTUAL_MODELS_READ: _ALL,
    Permission.VIRTUAL_MODELS_WRITE: _ADMINS,
}
"""The roles that hold each permission inside an organization."""

OPERATOR_PERMISSIONS: Final = frozenset({Permission.OPERATORS_READ, Permission.OPERATORS_WRITE})
"""What the operators of the deployment may do with every organization. No role holds them."""

PERMISSIONS_OF_EVERY_USER: Final = frozenset(Permission) - ROLES_OF.keys() - OPERATOR_PERMISSIONS
"""What every authenticated user may do with their own account and with the catalog."""

_DIRECTORY: Final = frozenset(
    {Permission.GROUPS_READ, Permission.GROUPS_WRITE, Permission.MEMBERS_READ, Permission.MEMBERS_WRITE}
)

SCIM_PERMISSIONS: Final = _DIRECTORY | {Permission.SCIM_READ, Permission.SCIM_WRITE}
"""What the credential of a SCIM connection may do."""

AUTOMATION_PERMISSIONS: Final = _DIRECTORY | {
    Permission.ANOMALIES_READ,
    Permission.API_KEYS_DISABLE,
    Permission.API_KEYS_READ,
    Permission.API_KEYS_WRITE,
    Permission.AUDIT_LOG_READ,
    Permission.CLAIM_MAPPINGS_READ,
    Permission.CREDITS_READ,
    Permission.GUARDRAILS_READ,
    Permission.GUARDRAILS_WRITE,
    Permission.INVITES_READ,
    Permission.MEMBER_ACCESS_TOKENS_READ,
    Permission.ORGANIZATIONS_READ,
    Permission.SERVICE_ACCOUNTS_READ,
    Permission.SERVICE_ACCOUNTS_WRITE,
    Permission.USAGE_EXPORTS_READ,
    Permission.USAGE_EXPORTS_WRITE,
    Permission.USAGE_READ,
}
"""What a credential for automation may be given: nothing that moves credit, or that makes another credential."""

READING: Final = frozenset(permission for permission in Permission if permission.value.endswith((":read", ":explain")))
"""The permissions that change nothing."""

_RANK: Final = {Role.MEMBER: 0, Role.SUB_ADMIN: 1, Role.L1_ADMIN: 2, Role.SUPER_ADMIN: 3}


_OF_OWN_GROUP: Final = frozenset(
    {
        Permission.GUARDRAIL_DEFAULTS_WRITE,
        Permission.ROUTING_POLICIES_WRITE,
        Permission.VIRTUAL_MODELS_WRITE,
    }
)
"""What the admin of a group may write about the group itself, too."""


def may(actor: Actor, permission: Permission, target: Target) -> bool:
    """Whether the actor may do this inside the organization. Without a rule that allows it, the answer is no."""
    if actor.organization != target.organization or actor.role not in ROLES_OF.get(permission, ()):
        return False
    reads = permission in READING
    if actor.is_credential and target.role is Role.SUPER_ADMIN and not reads:
        return False
    if actor.role is Role.SUPER_ADMIN or target.kind is TargetKind.WITHIN:
        return True
    if target.kind is TargetKind.SPEND:
        is_own = target.member is not None and target.member == actor.member
        return _reaches(actor, target.group_path) or (reads and is_own)
    if target.kind is TargetKind.ORGANIZATION:
        # An analysis of what the caller sees changes nothing.
        return reads or permission is Permission.ANALYSES_WRITE
    if target.kind is TargetKind.GROUP:
        if permission in _OF_OWN_GROUP:
            # What newcomers begin with, and who serves calls, does not bind the admin of the group, as its guardrail does.
            return _reaches(actor, target.group_path)
        return _reaches_group(actor, target.group_path, reads=reads)
    if target.member == actor.member:
        return reads or target.kind is TargetKind.BELONGING
    return _reaches(actor, target.group_path) and (reads or is_below(target.role, actor.role))


def may_read_figures(actor: Actor, target: Target) -> bool:
    """Whether the actor may read the figures of a scope besides its limits: spend, calls, headcount.

    A member reads those of themselves and their keys. Those of the groups above and of the organization tell what others do.
    """
    if target.kind in {TargetKind.PERSON, TargetKind.BELONGING}:
        return may(actor, Permission.GUARDRAILS_READ, target)
    if actor.organization != target.organization:
        return False
    if target.kind is TargetKind.GROUP:
        return actor.role is Role.SUPER_ADMIN or _reaches(actor, target.group_path)
    return actor.role in _UPPER_ADMINS


def may_grant(actor: Actor, role: Role, group_path: tuple[str, ...]) -> bool:
    """Whether the actor may give another user the role in the group. No one grants what they do not hold (INV-14)."""
    if actor.is_credential and role is Role.SUPER_ADMIN:
        return False
    return actor.role is Role.SUPER_ADMIN or (is_below(role, actor.role) and _reaches(actor, group_path))


def may_create_group(actor: Actor, parent_path: tuple[str, ...]) -> bool:
    """Whether the actor may create a group directly below this one. Only a Super Admin may create one on level 1."""
    return actor.role is Role.SUPER_ADMIN or (actor.role is Role.L1_ADMIN and _reaches(actor, parent_path))


def fits(role: Role, group_path: tuple[str, ...]) -> bool:
    """Whether the role fits the place: a Super Admin is in no group, an L1 admin on level 1, a sub-admin below level 1."""
    level = len(group_path)
    if role is Role.SUPER_ADMIN:
        return level == 0
    if role is Role.L1_ADMIN:
        return level == 1
    return role is Role.MEMBER or level >= 2


def is_below(role: Role | None, other: Role) -> bool:
    """Whether the role is lower than the other."""
    return role is not None and _RANK[role] < _RANK[other]


def visibility(actor: Actor) -> Visibility:
    """Returns whose resources the actor sees in a list. It agrees with `may` for permissions to read."""
    if actor.role is Role.SUPER_ADMIN:
        return Visibility(actor.member, ())
    if actor.role is Role.MEMBER or not actor.group_path:
        return Visibility(actor.member, None)
    return Visibility(actor.member, actor.group_path)


def _reaches_group(actor: Actor, group_path: tuple[str, ...], *, reads: bool) -> bool:
    if reads:
        return _contains(group_path, actor.group_path) or _reaches(actor, group_path)
    return _reaches(actor, group_path) and group_path != actor.group_path


def _reaches(actor: Actor, group_path: tuple[str, ...]) -> bool:
    return actor.role is not Role.MEMBER and _contains(actor.group_path, group_path)


def _contains(group_path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the other path is that group or below it. An empty `group_path` contains nothing."""
    return bool(group_path) and other[: len(group_path)] == group_path
