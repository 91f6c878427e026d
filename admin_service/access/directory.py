"""Finds in PostgreSQL who calls, and to whom a resource belongs."""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.access.operators import Identity, Operators
from admin_service.access.permissions import Actor, Permission, Role, Target, TargetKind
from admin_service.api.names import (
    ACCESS_TOKENS,
    ANOMALIES,
    API_KEYS,
    AUDIT_LOG_ENTRIES,
    CLAIM_MAPPINGS,
    GROUPS,
    GUARDRAIL_DEFAULTS,
    GUARDRAILS,
    INVITES,
    MEMBERS,
    NOTIFICATION_CHANNELS,
    NOTIFICATION_DELIVERIES,
    NOTIFICATION_RULES,
    ROUTING_POLICIES,
    SERVICE_ACCOUNTS,
    SIGN_IN_LINKS,
    VIRTUAL_MODELS,
    ResourceName,
    parse_name,
)
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, Peppers
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_FIND_GRANT: Final = """
SELECT user_id, access_token_id, only_organization_id, permissions, may_operate, issuer, super_admin_end_time,
       super_admin_end_time <= now() AS is_past_super_admin, secret_hash
  FROM access_tokens WHERE secret_hash = ANY ($1) AND revoke_time IS NULL AND expire_time > now()
"""
_FIND_CREDENTIAL: Final = """
SELECT found.organization_id, found.credential_id, found.user_id, found.permissions, asked.hash AS secret_hash
  FROM unnest($1::bytea[]) AS asked (hash), LATERAL credential_of_secret(asked.hash) AS found
"""
_REHASH_TOKEN: Final = "UPDATE access_tokens SET secret_hash = $3 WHERE access_token_id = $1 AND secret_hash = $2"  # noqa: S105
_REHASH_CREDENTIAL: Final = """
UPDATE credentials SET secret_hash = CASE WHEN secret_hash = $3 THEN $4 ELSE secret_hash END,
       previous_secret_hash = CASE WHEN previous_secret_hash = $3 THEN $4 ELSE previous_secret_hash END
 WHERE organization_id = $1 AND credential_id = $2 AND $3 IN (secret_hash, previous_secret_hash)
"""
_CREDENTIAL_ACTOR: Final = """
SELECT o.state = 'DELETED' AS is_deleted
  FROM credentials c JOIN organizations o ON o.organization_id = c.organization_id
 WHERE c.organization_id = $1 AND c.credential_id = $2 AND c.revoke_time IS NULL
"""
_IDENTITIES: Final = """
SELECT issuer, subject, email FROM user_identities WHERE user_id = $1 AND only_organization_id IS NULL
"""
_ACTOR: Final = """
SELECT m.member_id, m.role, coalesce(g.path, '{}') AS path, o.state = 'DELETED' AS is_deleted
  FROM members m
  JOIN organizations o ON o.organization_id = m.organization_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE m.organization_id = $1 AND m.user_id = $2 AND m.state = 'ACTIVE'
"""
_MEMBERSHIPS: Final = """
SELECT organization_id, kind, member_id, role, member_state, group_path FROM organizations_of_user($1) ORDER BY organization_id
"""
_KIND: Final = "SELECT kind FROM organizations WHERE organization_id = $1"
_GROUP: Final = "SELECT path FROM groups WHERE organization_id = $1 AND group_id = $2"
_MEMBER: Final = """
SELECT m.member_id, m.role, coalesce(g.path, '{}') AS path
  FROM members m
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE m.organization_id = $1 AND m.member_id = $2
"""
_OWNER_OF_API_KEY: Final = """
SELECT m.member_id, m.role, coalesce(g.path, '{}') AS path
  FROM api_keys k
  JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE k.organization_id = $1 AND k.api_key_id = $2
"""
_OWNER_OF_CREDENTIAL: Final = """
SELECT m.member_id, m.role, m.group_path AS path
  FROM access_tokens t
  JOIN members m ON m.organization_id = $1 AND m.user_id = t.user_id AND m.state <> 'REMOVED'
 WHERE t.access_token_id = $2 AND coalesce(t.only_organization_id, $1) = $1
"""
_SIGN_IN_LINK: Final = """
SELECT m.member_id, m.role, m.group_path AS path
  FROM sign_in_links l
  JOIN members m ON m.organization_id = l.organization_id AND m.member_id = l.member_id
 WHERE l.organization_id = $1 AND l.sign_in_link_id = $2
"""
_INVITE: Final = """
SELECT NULL AS member_id, i.role, coalesce(g.path, '{}') AS path
  FROM invites i
  LEFT JOIN groups g ON g.organization_id = i.organization_id AND g.group_id = i.group_id
 WHERE i.organization_id = $1 AND i.invite_id = $2
"""
_CLAIM_MAPPING: Final = """
SELECT NULL AS member_id, p.role, coalesce(g.path, '{}') AS path
  FROM claim_mappings p
  LEFT JOIN groups g ON g.organization_id = p.organization_id AND g.group_id = p.group_id
 WHERE p.organization_id = $1 AND p.claim_mapping_id = $2
"""
_AUDIT_LOG_ENTRY: Final = "SELECT group_path AS path FROM audit_log WHERE organization_id = $1 AND sequence = $2"
_ANOMALY: Final = """
SELECT nullif(member_id, '') AS member_id, group_path AS path FROM usage_anomalies WHERE organization_id = $1 AND anomaly_id = $2
"""
_CHANNEL: Final = """
SELECT coalesce(g.path, '{}') AS path FROM notification_channels c
  LEFT JOIN groups g ON g.organization_id = c.organization_id AND g.group_id = c.group_id
 WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.member_id IS NULL
"""
_DELIVERY: Final = """
SELECT coalesce(g.path, '{}') AS path FROM notification_deliveries d
  LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
  LEFT JOIN groups g ON g.organization_id = c.organization_id AND g.group_id = c.group_id
 WHERE d.organization_id = $1 AND d.delivery_id = $2 AND c.member_id IS NULL
"""
_RULE: Final = """
SELECT coalesce(g.path, m.group_path, k.group_path, '{}') AS path FROM notification_rules r
  LEFT JOIN groups g ON r.scope_kind = 'group' AND g.organization_id = r.organization_id AND g.group_id = r.scope_id
  LEFT JOIN members m ON r.scope_kind = 'member' AND m.organization_id = r.organization_id AND m.member_id = r.scope_id
  LEFT JOIN api_keys k ON r.scope_kind = 'api_key' AND k.organization_id = r.organization_id AND k.api_key_id = r.scope_id
 WHERE r.organization_id = $1 AND r.rule_id = $2
"""
_VIRTUAL_MODEL: Final = """
SELECT v.owner_kind = 'organization' AS is_of_organization, g.path FROM virtual_models v
  LEFT JOIN groups g ON v.owner_kind = 'group' AND g.organization_id = v.organization_id AND g.group_id = v.owner_id
 WHERE v.organization_id = $1 AND v.virtual_model_id = $2
"""
_ORGANIZATION: Final = "SELECT true FROM organizations WHERE organization_id = $1"


_OF_DELETED: Final = frozenset({Permission.ORGANIZATIONS_READ, Permission.ORGANIZATIONS_DELETE})
"""The permissions that remain in a deleted organization: to read it and to undelete it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the caller's credential allows: the rights of the user, limited by the credential."""

    user: str
    """Id of the user; empty for a person who signed in but is no user yet, who can only accept an invite."""
    access_token: str | None = None
    """Id of the access token; None when an identity provider vouches for the user."""
    organization: str | None = None
    """The only organization for which the credential is valid; None for all."""
    permissions: frozenset[Permission] | None = None
    """The only permissions that the credential carries; None for all."""
    is_operator: bool = False
    """Whether the user is an operator of the deployment, and the credential lets them act as one."""
    issuer: str = ""
    """The issuer of the sign-in, or of the one that created the access token; empty if there was none."""
    newcomer: "Newcomer | None" = None
    """The person, if there is no user yet."""
    email: str | None = None
    """The address that the issuer of this sign-in vouches for; None without one, and for an access token."""
    super_admin_end_time: dt.datetime | None = None
    """Until when the credential carries the rights of a Super Admin; None: as long as it lives."""
    is_past_super_admin: bool = False
    """Whether that time has passed."""
    credential: str | None = None
    """Id of the credential in `organization`, if it is no person's. Its user is one of its own."""
    sign_in_link: str | None = None
    """Id of the sign-in link in `organization`, which can only be exchanged."""
    shared_export: str | None = None
    """Id of the export in `organization` whose report can be opened, and nothing else. Its user is who shares it."""

    def carries(self, permission: Permission, organization: str | None) -> bool:
        """Whether the credential allows this permission in this organization."""
        return (self.organization in {None, organization}) and (
            self.permissions is None or permission in self.permissions
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A person who signed in and is linked to no user, because another user has their address."""

    issuer: str
    subject: str
    join: Callable[[Connection], Awaitable[str]]
    """Creates a user for the person in the transaction of the call, and returns the user's id."""


class Directory:
    """Reads without a cache, so a revoked token or a changed role takes effect with the next call."""

    def __init__(self, pool: asyncpg.Pool, peppers: Peppers, operators: Operators) -> None:
        self._pool = pool
        self._peppers = peppers
        self._operators = operators

    async def grant_of_token(self, token: str) -> Grant | None:
        """Returns what an access token allows, or None if it is unknown, revoked or expired."""
        if not ACCESS_TOKEN.is_well_formed(token):
            return None
        row = await self._pool.fetchrow(_FIND_GRANT, self._peppers.hashes_of(token))
        if row is None:
            return None
        if fresh := self._peppers.replacement_of(row["secret_hash"], token):
            await self._pool.execute(_REHASH_TOKEN, row["access_token_id"], row["secret_hash"], fresh)
        permissions = None if row["permissions"] is None else frozenset(map(Permission, row["permissions"]))
        is_past = bool(row["is_past_super_admin"])
        is_operator = row["may_operate"] and not is_past and await self.is_operator(row["user_id"])
        return Grant(
            row["user_id"],
            row["access_token_id"],
            row["only_organization_id"],
            permissions,
            is_operator,
            issuer=row["issuer"],
            super_admin_end_time=row["super_admin_end_time"],
            is_past_super_admin=is_past,
        )

    async def grant_of_credential(self, secret: str) -> Grant | None:
        """Returns what a credential allows, or None if it is unknown, revoked or expired."""
        row = await self._pool.fetchrow(_FIND_CREDENTIAL, self._peppers.hashes_of(secret))
        if row is None:
            return None
        if fresh := self._peppers.replacement_of(row["secret_hash"], secret):
            async with acting_for(self._pool, row["organization_id"]) as connection:
                names = (row["organization_id"], row["credential_id"])
                await connection.execute(_REHASH_CREDENTIAL, *names, row["secret_hash"], fresh)
        permissions = frozenset(map(Permission, row["permissions"]))
        return Grant(row["user_id"], None, row["organization_id"], permissions, credential=row["credential_id"])

    async def is_operator(self, user: str) -> bool:
        """Whether the settings name the user, apart from any sign-in."""
        identities = await self._pool.fetch(_IDENTITIES, user)
        return self._operators.include_user(user, [(Identity(row[0], row[1]), row[2]) for row in identities])


async def find_credential(
    connection: Connection, credential: str, organization: str, permission: Permission
) -> Actor | None:
    """Returns a credential as an actor, or None as `find_actor` does. The transaction must act for the organization."""
    row = await connection.fetchrow(_CREDENTIAL_ACTOR, organization, credential)
    if row is None or (row["is_deleted"] and permission not in _OF_DELETED):
        return None
    return Actor(organization, credential, Role.SUPER_ADMIN, (), is_credential=True)


async def find_actor(connection: Connection, user: str, organization: str, permission: Permission) -> Actor | None:
    """Returns the user as an active member of the organization, or None. The transaction must act for the organization.

    In a deleted organization it returns None unless the permission is to read or undelete the organization.
    """
    row = await connection.fetchrow(_ACTOR, organization, user)
    if row is None or (row["is_deleted"] and permission not in _OF_DELETED):
        return None
    return Actor(organization, row["member_id"], Role(row["role"]), tuple(row["path"]))


@dataclass(frozen=True, slots=True)
class Membership:
    """Where a user is a member, active or suspended."""

    organization: str
    kind: str
    """ORGANIZATION or PERSONAL."""
    member: str
    role: str
    state: str
    group_path: tuple[str, ...]


async def memberships_of(connection: Connection, user: str) -> list[Membership]:
    """Returns where the user is a member and not removed, whichever organizations the transaction acts for."""
    rows = await connection.fetch(_MEMBERSHIPS, user)
    return [Membership(row[0], row[1], row[2], row[3], row[4], tuple(row[5])) for row in rows]


async def is_personal(connection: Connection, organization: str) -> bool:
    """Whether the organization is a personal account. The transaction must act for it."""
    return bool(await connection.fetchval(_KIND, organization) == "PERSONAL")


async def find_target(connection: Connection, name: ResourceName) -> Target | None:
    """Returns the resource with the group and member it belongs to, or None if it does not exist.

    The transaction must act for the resource's organization.
    """
    find = _FINDERS.get(name.collection)
    return await find(connection, name) if find else Target(name.organization)


async def _organization(connection: Connection, name: ResourceName) -> Target | None:
    found = await connection.fetchval(_ORGANIZATION, name.organization)
    return Target(name.organization, TargetKind.ORGANIZATION) if found else None


async def _group(connection: Connection, name: ResourceName) -> Target | None:
    path = await connection.fetchval(_GROUP, name.organization, name.resource_id)
    return Target(name.organization, TargetKind.GROUP, tuple(path)) if path else None


async def _guardrail(connection: Connection, name: ResourceName) -> Target | None:
    kind, _, scope_id = str(name.resource_id).partition("-")
    collection = _COLLECTION_OF_GUARDRAIL.get(kind, GUARDRAILS)
    if collection == GUARDRAILS or (collection is None) != (not scope_id):
        return None
    scope = parse_name(str(ResourceName(name.organization, collection, scope_id or None)))
    return await _FINDERS[collection](connection, scope) if scope else None


async def _guardrail_default(connection: Connection, name: ResourceName) -> Target | None:
    target = await _guardrail(connection, name)
    return target if target and target.kind in {TargetKind.ORGANIZATION, TargetKind.GROUP} else None


async def _routing_policy(connection: Connection, name: ResourceName) -> Target | None:
    target = await _guardrail(connection, name)
    return None if target and target.kind is TargetKind.PERSON else target


async def _virtual_model(connection: Connection, name: ResourceName) -> Target | None:
    row = await connection.fetchrow(_VIRTUAL_MODEL, name.organization, name.resource_id)
    if row is None:
        return None
    if row["is_of_organization"]:
        return Target(name.organization, TargetKind.ORGANIZATION)
    return Target(name.organization, TargetKind.GROUP, tuple(row["path"] or ()))


async def _audit_log_entry(connection: Connection, name: ResourceName) -> Target | None:
    path = await connection.fetchval(_AUDIT_LOG_ENTRY, name.organization, int(str(name.resource_id)))
    return None if path is None else Target(name.organization, TargetKind.PERSON, tuple(path))


async def _anomaly(connection: Connection, name: ResourceName) -> Target | None:
    row = await connection.fetchrow(_ANOMALY, name.organization, name.resource_id)
    return Target(name.organization, TargetKind.SPEND, tuple(row["path"]), row["member_id"]) if row else None


def _person(query: str, kind: TargetKind) -> "_Finder":
    async def find(connection: Connection, name: ResourceName) -> Target | None:
        row = await connection.fetchrow(query, name.organization, name.resource_id)
        if row is None:
            return None
        return Target(name.organization, kind, tuple(row["path"]), row["member_id"], Role(row["role"]))

    return find


def _in_subtree(query: str) -> "_Finder":
    """Finds what belongs to a group, or to the whole organization, and to no member."""

    async def find(connection: Connection, name: ResourceName) -> Target | None:
        path = await connection.fetchval(query, name.organization, name.resource_id)
        return None if path is None else Target(name.organization, TargetKind.SPEND, tuple(path))

    return find


_COLLECTION_OF_GUARDRAIL: Final = {
    "organization": None,
    "group": GROUPS,
    "member": MEMBERS,
    "serviceaccount": SERVICE_ACCOUNTS,
    "apikey": API_KEYS,
}
_Finder = Callable[[Connection, ResourceName], Awaitable[Target | None]]
_FINDERS: Final[dict[str | None, _Finder]] = {
    None: _organization,
    ACCESS_TOKENS: _person(_OWNER_OF_CREDENTIAL, TargetKind.BELONGING),
    ANOMALIES: _anomaly,
    API_KEYS: _person(_OWNER_OF_API_KEY, TargetKind.BELONGING),
    AUDIT_LOG_ENTRIES: _audit_log_entry,
    CLAIM_MAPPINGS: _person(_CLAIM_MAPPING, TargetKind.PERSON),
    GROUPS: _group,
    GUARDRAIL_DEFAULTS: _guardrail_default,
    GUARDRAILS: _guardrail,
    INVITES: _person(_INVITE, TargetKind.PERSON),
    MEMBERS: _person(_MEMBER, TargetKind.PERSON),
    NOTIFICATION_CHANNELS: _in_subtree(_CHANNEL),
    NOTIFICATION_DELIVERIES: _in_subtree(_DELIVERY),
    NOTIFICATION_RULES: _in_subtree(_RULE),
    ROUTING_POLICIES: _routing_policy,
    SIGN_IN_LINKS: _person(_SIGN_IN_LINK, TargetKind.PERSON),
    SERVICE_ACCOUNTS: _person(_MEMBER, TargetKind.PERSON),
    VIRTUAL_MODELS: _virtual_model,
}
