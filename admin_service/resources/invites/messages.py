"""Converts invites to messages, and checks requests about invites."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from google.protobuf.duration_pb2 import Duration
from megarouter.admin.v1.invite_pb2 import BatchCreateInvitesRequest, CreateInviteRequest, Invite

from admin_service.access.permissions import Role
from admin_service.access.role_messages import role_value
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.names import GROUPS, INVITES, MEMBERS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.api_keys.messages import check_whitelist
from admin_service.resources.guardrails.member_limits import member_limits_message
from admin_service.resources.invites.store import InviteRow

DEFAULT_LIFE: Final = dt.timedelta(days=7)
MAX_LIFE: Final = dt.timedelta(days=30)

STATES: Final = {
    "PENDING": Invite.STATE_PENDING,
    "ACCEPTED": Invite.STATE_ACCEPTED,
    "REVOKED": Invite.STATE_REVOKED,
    "EXPIRED": Invite.STATE_EXPIRED,
}


def invite_name(row: InviteRow) -> ResourceName:
    """Returns the resource name of the invite."""
    return ResourceName(row.organization, INVITES, row.invite)


def group_name(organization: str, group: str | None) -> str:
    """Returns the name of a group; empty for None."""
    return str(ResourceName(organization, GROUPS, group)) if group else ""


def invite_message(row: InviteRow) -> Invite:
    """Returns the invite as a resource."""
    return Invite(
        name=str(invite_name(row)),
        role=role_value(Role(row.role)),
        group=group_name(row.organization, row.group),
        expire_time=timestamp(row.expire_time),
        max_uses=row.max_uses,
        email=row.email,
        email_domain=row.email_domain,
        state=STATES[row.state],
        use_count=row.use_count,
        inviter=str(ResourceName(row.organization, MEMBERS, row.inviter)),
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        revoke_time=timestamp(row.revoke_time) if row.revoke_time else None,
        etag=row.etag,
        member_limits=member_limits_message(row.member_limits),
        inviter_display_name=row.inviter_display_name,
    )


def end_of(wanted: Invite, now: dt.datetime) -> dt.datetime:
    """Returns when an invite that is created now expires.

    Raises:
        AdminError: FIELD_INVALID, the requested time is past or too far in the future.
    """
    if wanted.HasField("ttl"):
        return now + wanted.ttl.ToTimedelta()
    if not wanted.HasField("expire_time"):
        return now + DEFAULT_LIFE
    end = wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
    if not now < end <= now + MAX_LIFE:
        raise invalid_fields(
            FieldViolation("invite.expire_time", f"must be in the future, at most {MAX_LIFE.days} days from now")
        )
    return end


def check_create(request: CreateInviteRequest) -> Iterable[FieldViolation]:
    """Checks a request for one invite."""
    yield from _check_end(request.invite)
    yield from check_whitelist(request.invite.member_limits.model_whitelist, "invite.member_limits.model_whitelist")
    if request.invite.email and request.invite.email_domain:
        yield FieldViolation("invite.email_domain", "must be empty if email is set")


def check_batch(request: BatchCreateInvitesRequest) -> Iterable[FieldViolation]:
    """Checks a request for several invites."""
    yield from _check_end(request.invite)
    yield from check_whitelist(request.invite.member_limits.model_whitelist, "invite.member_limits.model_whitelist")
    for field in ("email", "email_domain"):
        if getattr(request.invite, field):
            yield FieldViolation(f"invite.{field}", "must be empty: every invite is bound to its own address")
    if len({email.lower() for email in request.emails}) < len(request.emails):
        yield FieldViolation("emails", "must not contain duplicates, ignoring case")


def _check_end(wanted: Invite) -> Iterable[FieldViolation]:
    if wanted.HasField("ttl") and not _is_life(wanted.ttl):
        yield FieldViolation("invite.ttl", f"must be more than 0 and at most {MAX_LIFE.days} days")
    if wanted.HasField("expire_time"):
        try:
            wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            yield FieldViolation("invite.expire_time", "must be between the years 1 and 9999")


def _is_life(ttl: Duration) -> bool:
    try:
        return dt.timedelta(0) < ttl.ToTimedelta() <= MAX_LIFE
    except (ValueError, OverflowError):
        return False


def invite_link(page: str | None, token: str) -> str:
    """Returns the link to share; empty without an invite page. The token follows `#`, a part that browsers send to no server."""
    return f"{page}#{token}" if page else ""
