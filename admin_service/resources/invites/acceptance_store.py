"""The rows that change when a user accepts an invite: the user, the free seats and the membership.

All of it runs under the lock of the organization. What is counted here therefore still holds at commit.
"""

from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Role
from admin_service.resources.default_limits.store import begin_member_guardrail
from gateway_core.stores.postgres.connections import Connection

_CANDIDATE: Final = """
SELECT u.email, m.member_id, m.state
  FROM users u LEFT JOIN members m ON m.organization_id = $1 AND m.user_id = u.user_id
 WHERE u.user_id = $2
"""
_SEATS: Final = """
SELECT r.seat_limit,
       r.seat_limit > (SELECT count(*) FROM members m
                        WHERE m.organization_id = $1 AND m.state <> 'REMOVED' AND m.user_id IS NOT NULL) AS is_free
  FROM guardrails r WHERE r.organization_id = $1 AND r.scope_kind = 'organization' AND r.seat_limit IS NOT NULL
"""
_ADD: Final = "INSERT INTO members (organization_id, member_id, user_id, role, group_id) VALUES ($1, $2, $3, $4, $5)"
_READMIT: Final = """
UPDATE members SET state = 'ACTIVE', role = $3, group_id = $4 WHERE organization_id = $1 AND member_id = $2 AND state = 'REMOVED'
"""
# A removal deletes the member's keys. Keys of members who were removed by an older release must not become usable again.
_DELETE_KEYS: Final = """
UPDATE api_keys SET state = 'DELETED', update_time = now()
 WHERE organization_id = $1 AND member_id = $2 AND state <> 'DELETED'
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user who wants to join."""

    email: str | None
    """The verified address in lower case; None if there is none."""
    member: str | None
    """Member id, if the user is or was a member."""
    member_state: str | None


@dataclass(frozen=True, slots=True)
class Seats:
    """Room for members. Every member who is not removed takes a seat."""

    limit: int | None
    """None for no limit."""
    has_free: bool


async def candidate_of(connection: Connection, organization: str, user: str) -> Candidate:
    """Returns a user as a candidate for the organization.

    Raises:
        LookupError: there is no such user.
    """
    row = await connection.fetchrow(_CANDIDATE, organization, user)
    if row is None:
        raise LookupError("no such user")
    return Candidate(*row)


async def seats_of(connection: Connection, organization: str) -> Seats:
    """Returns the limit on seats, and whether there is room for one more member."""
    row = await connection.fetchrow(_SEATS, organization)
    return Seats(*row) if row else Seats(None, has_free=True)


async def add_member(
    connection: Connection, organization: str, member: str, user: str, role: Role, group: str | None
) -> None:
    """Makes a user a member for the first time. Their guardrail begins with the default of their place."""
    await connection.execute(_ADD, organization, member, user, role, group)
    await begin_member_guardrail(connection, organization, member, group)


async def readmit_member(connection: Connection, organization: str, member: str, role: Role, group: str | None) -> None:
    """Makes a removed member active again, without their previous keys. A trigger notifies the data plane."""
    await connection.execute(_DELETE_KEYS, organization, member)
    await connection.execute(_READMIT, organization, member, role, group)
