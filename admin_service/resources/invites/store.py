"""The rows of invites. A token's hash is written and looked up, but never read."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from admin_service.access.permissions import Actor, Role
from admin_service.api.etags import etag_of
from admin_service.resources.invites.rules import Invitation
from gateway_core.model.limits.rollovers import Rollover, rollover_of
from gateway_core.stores.postgres.connections import Connection

LimitValues = Mapping[str, Any]

# Matches `Invite.State`, by the database's clock.
INVITE_STATE: Final = """
CASE WHEN i.revoke_time IS NOT NULL THEN 'REVOKED' WHEN i.use_count >= i.max_uses THEN 'ACCEPTED'
     WHEN i.expire_time <= now() THEN 'EXPIRED' ELSE 'PENDING' END
"""
INVITE_COLUMNS: Final = f"""
i.organization_id, i.invite_id, i.inviter_member_id, i.group_id, i.group_path, i.role, i.expire_time, i.max_uses, i.use_count,
coalesce(i.email, ''), coalesce(i.email_domain, ''), {INVITE_STATE}, i.create_time, i.update_time, i.revoke_time, i.member_limits,
coalesce((SELECT coalesce(nullif(u.display_name, ''), u.email) FROM members m JOIN users u ON u.user_id = m.user_id
           WHERE m.organization_id = i.organization_id AND m.member_id = i.inviter_member_id), '')
"""  # noqa: S608

_ADD: Final = f"""
INSERT INTO invites AS i (organization_id, invite_id, inviter_member_id, group_id, role, secret_hash, expire_time, max_uses, email,
                          email_domain, member_limits)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING {INVITE_COLUMNS}
"""  # noqa: S608
_GET: Final = f"SELECT {INVITE_COLUMNS} FROM invites i WHERE i.organization_id = $1 AND i.invite_id = $2"  # noqa: S608
_REVOKE: Final = f"""
UPDATE invites i SET revoke_time = clock_timestamp() WHERE i.organization_id = $1 AND i.invite_id = $2 RETURNING {INVITE_COLUMNS}
"""  # noqa: S608
_REVOKE_INTO_GROUP: Final = f"""
UPDATE invites i SET revoke_time = clock_timestamp()
 WHERE i.organization_id = $1 AND i.group_id = $2 AND {INVITE_STATE} = 'PENDING'
"""  # noqa: S608
_PENDING_FOR_ADDRESS: Final = f"""
SELECT {INVITE_COLUMNS} FROM invites i WHERE i.organization_id = $1 AND i.email = $2 AND {INVITE_STATE} = 'PENDING'
 ORDER BY i.invite_id
"""  # noqa: S608
_PENDING_FOR_ADDRESSES: Final = f"""
SELECT {INVITE_COLUMNS} FROM invites i WHERE i.organization_id = $1 AND i.email = ANY ($2::text[]) AND {INVITE_STATE} = 'PENDING'
 ORDER BY i.invite_id
"""  # noqa: S608
_PRESENT_MEMBER: Final = """
SELECT m.member_id, m.role, m.group_path, m.state
  FROM users u JOIN members m ON m.organization_id = $1 AND m.user_id = u.user_id
 WHERE u.email = $2 AND m.state <> 'REMOVED'
"""
_USE: Final = f"""
UPDATE invites i SET use_count = use_count + 1 WHERE i.organization_id = $1 AND i.invite_id = $2 RETURNING {INVITE_COLUMNS}
"""  # noqa: S608
_OF_TOKEN: Final = """
SELECT found.organization_id, found.invite_id
  FROM unnest($1::bytea[]) AS asked (hash), LATERAL invite_of_token(asked.hash, $2) AS found
"""  # noqa: S105 - no secret
_STANDING: Final = """
SELECT i.role, i.group_path, g.delete_time IS NOT NULL AS group_is_deleted,
       i.revoke_time IS NULL AND i.expire_time > now() AS is_open, i.max_uses - i.use_count AS uses_left,
       i.email, i.email_domain, i.expire_time, o.state AS organization_state, o.display_name AS organization_name,
       coalesce(g.display_name, '') AS group_name, u.display_name AS inviter_name, m.member_id AS inviter,
       m.role AS inviter_role, m.group_path AS inviter_path, m.state = 'ACTIVE' AS inviter_is_active
  FROM invites i
  JOIN organizations o ON o.organization_id = i.organization_id
  JOIN members m ON m.organization_id = i.organization_id AND m.member_id = i.inviter_member_id
  JOIN users u ON u.user_id = m.user_id
  LEFT JOIN groups g ON g.organization_id = i.organization_id AND g.group_id = i.group_id
 WHERE i.organization_id = $1 AND i.invite_id = $2
"""


@dataclass(frozen=True, slots=True)
class InviteRow:
    """A stored invite."""

    organization: str
    invite: str
    inviter: str
    """Id of the member who invited."""
    group: str | None
    group_path: Sequence[str]
    role: str
    expire_time: dt.datetime
    max_uses: int
    use_count: int
    email: str
    """Empty if unbound."""
    email_domain: str
    """Empty if unbound."""
    state: str
    """By the database's clock when the statement ran."""
    create_time: dt.datetime
    update_time: dt.datetime
    revoke_time: dt.datetime | None
    member_limits_json: str
    inviter_display_name: str

    @property
    def member_limits(self) -> LimitValues:
        """The limits that a new member begins with."""
        values: dict[str, Any] = json.loads(self.member_limits_json)
        return {**values, "rollover": rollover_of(values["rollover"])} if "rollover" in values else values

    @property
    def etag(self) -> str:
        """Changes with every use and with the revocation, but not with expiry."""
        return etag_of(self.organization, self.invite, self.use_count, self.revoke_time, self.update_time)


@dataclass(frozen=True, slots=True)
class NewInvite:
    """An invite to store."""

    organization: str
    invite: str
    inviter: str
    group: str | None
    role: Role
    secret_hash: bytes
    expire_time: dt.datetime
    max_uses: int
    email: str | None
    email_domain: str | None
    member_limits: LimitValues


@dataclass(frozen=True, slots=True)
class PresentMember:
    """A member who already has the address that an invite is for."""

    member: str
    role: Role
    group_path: tuple[str, ...]
    state: str
    """ACTIVE or SUSPENDED."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The present state of an invite, and what its token holder sees."""

    invitation: Invitation
    expire_time: dt.datetime
    organization_state: str
    organization_name: str
    group_name: str
    """Empty without a group."""
    inviter_name: str


async def add_invite(connection: Connection, new: NewInvite) -> InviteRow:
    """Stores a new invite and returns its row."""
    row = await connection.fetchrow(
        _ADD, new.organization, new.invite, new.inviter, new.group, new.role, new.secret_hash, new.expire_time,
        new.max_uses, new.email, new.email_domain, json.dumps(new.member_limits, default=Rollover.stored),
    )  # fmt: skip
    return _row(row)


async def get_invite(connection: Connection, organization: str, invite: str) -> InviteRow | None:
    """Returns the invite, usable or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, invite)
    return InviteRow(*row) if row else None


async def revoke_invite(connection: Connection, organization: str, invite: str) -> InviteRow:
    """Revokes an invite and returns its row.

    Raises:
        LookupError: the invite does not exist.
    """
    return _row(await connection.fetchrow(_REVOKE, organization, invite))


async def revoke_invites_into_group(connection: Connection, organization: str, group: str) -> None:
    """Revokes the pending invites into a group that is being deleted."""
    await connection.execute(_REVOKE_INTO_GROUP, organization, group)


async def pending_invites_for(connection: Connection, organization: str, email: str) -> list[InviteRow]:
    """Returns the pending invites that only this address, in lower case, may accept."""
    return [InviteRow(*row) for row in await connection.fetch(_PENDING_FOR_ADDRESS, organization, email)]


async def pending_invites_by_address(
    connection: Connection, organization: str, emails: Sequence[str]
) -> dict[str, list[InviteRow]]:
    """Returns the pending invites for each of these addresses, in lower case."""
    found: dict[str, list[InviteRow]] = {}
    for row in await connection.fetch(_PENDING_FOR_ADDRESSES, organization, list(emails)):
        invite = InviteRow(*row)
        found.setdefault(invite.email, []).append(invite)
    return found


async def present_member(connection: Connection, organization: str, email: str) -> PresentMember | None:
    """Returns the member who has this address, in lower case, and is not removed; None if there is none."""
    row = await connection.fetchrow(_PRESENT_MEMBER, organization, email)
    return PresentMember(row[0], Role(row[1]), tuple(row[2]), row[3]) if row else None


async def use_invite(connection: Connection, organization: str, invite: str) -> tuple[InviteRow, InviteRow]:
    """Counts one use of an invite that has one left. Returns the rows before and after.

    A constraint of the table prevents one use too many.

    Raises:
        LookupError: the invite does not exist.
    """
    before = _row(await connection.fetchrow(_GET, organization, invite))
    return before, _row(await connection.fetchrow(_USE, organization, invite))


async def find_invite_of_token(
    connection: Connection, hashes: Sequence[bytes], user: str | None
) -> tuple[str, str] | None:
    """Returns the ids of the organization and the invite, or None if the token is not usable.

    `hashes` are those of the token. All unusable tokens cost the same single lookup.
    For a `user` who is already an active member, it also finds a used-up invite.
    """
    row = await connection.fetchrow(_OF_TOKEN, hashes, user)
    return (row[0], row[1]) if row else None


async def standing_of(connection: Connection, organization: str, invite: str) -> Standing:
    """Returns an invite with the inviter's present rights. The transaction must act for the organization.

    Raises:
        LookupError: the invite does not exist.
    """
    row = await connection.fetchrow(_STANDING, organization, invite)
    if row is None:
        raise LookupError("no such invite")
    inviter = Actor(organization, row["inviter"], Role(row["inviter_role"]), tuple(row["inviter_path"]))
    invitation = Invitation(
        role=Role(row["role"]),
        group_path=tuple(row["group_path"]),
        group_is_deleted=row["group_is_deleted"],
        inviter=inviter if row["inviter_is_active"] else None,
        is_open=row["is_open"] and row["organization_state"] != "DELETED",
        uses_left=row["uses_left"],
        email=row["email"],
        email_domain=row["email_domain"],
    )
    return Standing(
        invitation, row["expire_time"], row["organization_state"], row["organization_name"], row["group_name"],
        row["inviter_name"],
    )  # fmt: skip


def _row(found: object) -> InviteRow:
    if found is None:
        raise LookupError("no such invite")
    return InviteRow(*found)  # type: ignore[misc] # a record
