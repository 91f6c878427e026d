"""How long a new access token lives. It ends with the credential that creates it, and within what the deployment allows.

A token carries the rights of a Super Admin only for a while after its creation, even if its user becomes one later.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from megarouter.admin.v1.access_token_pb2 import AccessToken

from admin_service.access.authorization import UserCaller, super_admin_rights_expired
from admin_service.access.directory import Grant, Membership
from admin_service.access.permissions import OPERATOR_PERMISSIONS, READING, ROLES_OF, Permission, Role
from admin_service.api.errors import FieldViolation, invalid_fields, unauthenticated
from admin_service.resources.access_tokens.store import end_of_access_token, now_of
from gateway_core.stores.postgres.connections import Connection

_CHANGING: Final = (ROLES_OF.keys() | OPERATOR_PERMISSIONS) - READING


@dataclass(frozen=True, slots=True)
class TokenLives:
    """The longest lives that the deployment allows."""

    sign_in: dt.timedelta
    """Of a token that is created from a sign-in."""
    super_admin: dt.timedelta
    """Of the rights of a Super Admin or an operator in such a token."""


@dataclass(frozen=True, slots=True)
class Ends:
    """When a new token ends."""

    expire_time: dt.datetime
    super_admin_end_time: dt.datetime
    """Until when it carries the rights of a Super Admin, if its user is one."""


def carries_super_admin(
    grant: Grant, reached: Sequence[Membership], organization: str | None, permissions: Collection[str] | None
) -> bool:
    """Whether a new token changes things with the rights of a Super Admin or an operator.

    Args:
        grant: of the call that creates it.
        reached: where the token is valid.
        organization: the only one for which it is valid; None for all.
        permissions: its only permissions; None for all.
    """
    carried = set(Permission) if permissions is None else set(map(Permission, permissions))
    if grant.is_operator and organization is None and Permission.OPERATORS_WRITE in carried:
        return True
    is_super_admin = any(place.role == Role.SUPER_ADMIN and place.kind != "PERSONAL" for place in reached)
    return is_super_admin and not carried.isdisjoint(_CHANGING)


async def ends_of(
    connection: Connection, caller: UserCaller, wanted: AccessToken, lives: TokenLives, *, is_strong: bool
) -> Ends:
    """Returns when a new token ends.

    Args:
        connection: in a transaction.
        caller: who creates it.
        wanted: the token; its `expire_time` may be unset.
        lives: the longest that are allowed.
        is_strong: whether it carries the rights of a Super Admin.

    Raises:
        AdminError: FIELD_INVALID, the requested end is not allowed; ACCESS_TOKEN_INVALID, the token of the call has ended;
            SUPER_ADMIN_RIGHTS_EXPIRED, it carries the rights of a Super Admin no longer.
    """
    now, own_end = await now_of(connection), await _own_end(connection, caller.grant)
    super_admin_end = now + lives.super_admin
    if caller.grant.super_admin_end_time:
        super_admin_end = min(super_admin_end, caller.grant.super_admin_end_time)
    latest = now + lives.sign_in
    if is_strong and super_admin_end <= now:
        raise super_admin_rights_expired()
    if is_strong:
        latest = min(latest, super_admin_end)
    if own_end:
        latest = min(latest, own_end)
    if not wanted.HasField("expire_time"):
        return Ends(latest, super_admin_end)
    end = wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
    if not now < end <= latest:
        limit = latest.isoformat(timespec="seconds")
        why = ". It carries the rights of a Super Admin: name fewer permissions for a longer life" if is_strong else ""
        raise invalid_fields(
            FieldViolation("access_token.expire_time", f"must be in the future and no later than {limit}{why}")
        )
    return Ends(end, super_admin_end)


async def _own_end(connection: Connection, grant: Grant) -> dt.datetime | None:
    """Returns when the token of the call expires, or None if the call used another kind of credential.

    Raises:
        AdminError: ACCESS_TOKEN_INVALID, the token was revoked or expired after the call arrived.
    """
    if grant.access_token is None:
        return None
    end = await end_of_access_token(connection, grant.access_token)
    if end is None:
        raise unauthenticated()
    return end
