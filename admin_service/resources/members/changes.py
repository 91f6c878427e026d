"""Changes members. A batch changes all of its members or none.

Every change holds the lock of the organization. What it checks therefore still holds at commit.
"""

from collections.abc import Sequence

import grpc
from megarouter.admin.v1.member_pb2 import ChangeMemberRoleRequest, Member
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Role, Target, TargetKind, may_grant
from admin_service.access.role_messages import role_of, role_value
from admin_service.access.tree_places import MAX_SHOWN, Place, find_place, not_grantable, require_fit, require_in_use
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.names import MEMBERS, parse_name
from admin_service.resources.members import store as member_store
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.members.store import MemberRow
from admin_service.serving.change_transaction import Change
from gateway_core.stores.postgres.connections import Connection

_WRITE = Permission.MEMBERS_WRITE


async def move(change: Change, names: Sequence[str], group: str, etag: str = "") -> list[Member]:
    """Puts members into a group, or directly into the organization if `group` is empty.

    Raises:
        AdminError: PERMISSION_DENIED for a member or a group that the caller may not change; ETAG_MISMATCH; STATE_UNSUITABLE;
            MEMBER_REMOVED; ROLE_NOT_GRANTABLE; ROLE_DOES_NOT_FIT_GROUP.
    """
    rows = await _subjects(change, names, etag)
    place = await _place(change, group)
    require_in_use(place)
    for row in rows:
        _require_present(row)
        if not may_grant(change.caller.actor, Role(row.role), place.path):
            raise not_grantable(Role(row.role), place)
        require_fit(Role(row.role), place)
    moving = [row for row in rows if row.group != place.group]
    await member_store.place_members(change.connection, place.organization, _ids(moving), place.group)
    return await _changed(change, rows, moving)


async def change_role(change: Change, request: ChangeMemberRoleRequest) -> Member:
    """Gives a member another role, and the group that goes with it.

    Raises:
        AdminError: as for `move`; LAST_SUPER_ADMIN.
    """
    (row,) = await _subjects(change, [request.name], request.etag)
    role = role_of(request.role)
    if request.HasField("group"):
        place = await _place(change, request.group)
    else:
        stays = role is not Role.SUPER_ADMIN and row.group is not None
        place = Place(row.organization, row.group, tuple(row.group_path)) if stays else Place(row.organization)
    if not may_grant(change.caller.actor, role, place.path):
        raise not_grantable(role, place)
    require_in_use(place)
    _require_present(row)
    require_fit(role, place)
    if role is not Role.SUPER_ADMIN:
        await require_super_admin_besides(change.connection, row.organization, [row])
    if request.validate_only:
        would_be = member_message(row, full=True)
        would_be.role, would_be.group = role_value(role), place.name if place.group else ""
        return would_be
    if (row.role, row.group) == (role, place.group):
        return member_message(row, full=True)
    await member_store.set_member_role(change.connection, row.organization, row.member, role, place.group)
    (member,) = await _changed(change, [row], [row])
    return member


async def set_state(change: Change, names: Sequence[str], state: str, etag: str = "") -> list[Member]:
    """Makes members `ACTIVE`, `SUSPENDED` or `REMOVED`.

    Raises:
        AdminError: PERMISSION_DENIED for a member that the caller may not change; ETAG_MISMATCH; MEMBER_REMOVED; LAST_SUPER_ADMIN.
    """
    rows = await _subjects(change, names, etag)
    changing = [row for row in rows if row.state != state]
    for row in changing:
        _require_present(row)
    if state != "ACTIVE":
        await require_super_admin_besides(change.connection, change.caller.resource.organization, changing)
    await member_store.set_member_state(change.connection, change.caller.resource.organization, _ids(changing), state)
    return await _changed(change, rows, changing)


async def _subjects(change: Change, names: Sequence[str], etag: str) -> list[MemberRow]:
    """Returns the named members in order, after checking that the caller may change each of them."""
    caller: Caller = change.caller
    organization = caller.resource.organization
    parsed = [parse_name(name) for name in names]
    ids = [str(name.resource_id) for name in parsed if name and name.collection == MEMBERS]
    found = await member_store.get_members(change.connection, organization, ids)
    rows = []
    for text, name in zip(names, parsed, strict=True):
        row = found.get(str(name.resource_id)) if name and name.collection == MEMBERS else None
        if name is None or row is None or name.organization != organization:
            raise permission_denied(_WRITE, text[:MAX_SHOWN])
        caller.require(_WRITE, row.target, text)
        rows.append(row)
    for row in rows:
        check_etag(etag, row.etag)
    return rows


async def _place(change: Change, group: str) -> Place:
    """Returns the place with this name, after checking that the caller may put members there."""
    caller: Caller = change.caller
    place = await find_place(change.connection, caller.resource.organization, group, _WRITE)
    target = Target(place.organization, TargetKind.PERSON, place.path, None, Role.MEMBER)
    caller.require(_WRITE, target, group or place.name)
    return place


async def require_super_admin_besides(connection: Connection, organization: str, rows: Sequence[MemberRow]) -> None:
    """Checks that the organization has an active Super Admin besides these members.

    Raises:
        AdminError: LAST_SUPER_ADMIN.
    """
    losing = [row for row in rows if row.is_active_super_admin]
    if losing and not await member_store.has_other_super_admin(connection, organization, _ids(losing)):
        message = "The organization would have no active Super Admin. Give another member that role first."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.LAST_SUPER_ADMIN, message)


async def _changed(change: Change, rows: Sequence[MemberRow], changed: Sequence[MemberRow]) -> list[Member]:
    """Returns all the members as they are now, and records those that changed in the audit log.

    An entry has the member's previous place, so that the admins there see where the member went.
    """
    after = await member_store.get_members(change.connection, change.caller.resource.organization, _ids(rows))
    for row in changed:
        now = member_message(after[row.member])
        change.record(member_name(row), member_message(row), now, group_path=row.group_path)
    return [member_message(after[row.member], full=True) for row in rows]


def _ids(rows: Sequence[MemberRow]) -> list[str]:
    return [row.member for row in rows]


def _require_present(row: MemberRow) -> None:
    if row.state == "REMOVED":
        message = f"{member_name(row)} is removed. Invite the user again."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.MEMBER_REMOVED, message)
