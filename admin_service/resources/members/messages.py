"""Converts members to messages."""

from typing import Final

from megarouter.admin.v1.member_pb2 import Member

from admin_service.access.permissions import Role
from admin_service.access.role_messages import role_value
from admin_service.api.names import GROUPS, MEMBERS, ResourceName, UserResourceName
from admin_service.api.spend_figures import set_spend
from admin_service.api.timestamps import timestamp
from admin_service.resources.members.store import MemberRow

STATES: Final = {
    "ACTIVE": Member.STATE_ACTIVE,
    "SUSPENDED": Member.STATE_SUSPENDED,
    "REMOVED": Member.STATE_REMOVED,
}


def member_name(row: MemberRow) -> ResourceName:
    """Returns the resource name of the member."""
    return ResourceName(row.organization, MEMBERS, row.member)


def member_message(row: MemberRow, *, full: bool = False, named: bool = False) -> Member:
    """Returns the member as a resource; with `full`, also spend and budget; with either, the name of the group.

    The audit log has no such names, because they are not the resource's own.
    """
    message = Member(
        name=str(member_name(row)),
        user=str(UserResourceName(row.user)),
        display_name=row.display_name,
        email=row.email,
        role=role_value(Role(row.role)),
        group=str(ResourceName(row.organization, GROUPS, row.group)) if row.group else "",
        state=STATES[row.state],
        key_count=row.key_count,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )
    if full or named:
        message.group_display_name = row.group_display_name
    if full:
        set_spend(message, row)
    return message
