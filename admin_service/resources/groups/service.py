"""Serves `megarouter.admin.v1.Groups`."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import group_pb2
from megarouter.admin.v1.group_pb2 import Group
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import (
    Actor,
    Permission,
    Target,
    TargetKind,
    fits,
    may_create_group,
    may_read_figures,
)
from admin_service.access.tree_places import (
    MAX_SHOWN,
    Place,
    find_place,
    group_deleted,
    require_in_use,
    role_does_not_fit,
)
from admin_service.api.errors import AdminError, already_exists, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.masks import updated_fields
from admin_service.api.names import GROUPS, ResourceName
from admin_service.api.spend_figures import set_spend
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_groups
from admin_service.resources.groups import store as group_store
from admin_service.resources.groups.store import GroupRow
from admin_service.resources.invites.store import revoke_invites_into_group
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.scopes import MAX_GROUP_LEVELS
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_NAME: Final = "organizations/{organization}/groups/{id}"
_TREE: Final = SortColumn("g.tree_order")
_GROUPS: Final = Listing(
    columns=group_store.GROUP_COLUMNS,
    source=group_store.GROUP_SOURCE,
    make=GroupRow,
    permission=Permission.GROUPS_READ,
    orders={"tree": _TREE},
    unique=_TREE,
    default_order="tree",
    fields={
        "name": NameField("g.group_id", _NAME),
        "display_name": TextField("g.display_name"),
        "parent_group": NameField("g.parent_group_id", _NAME),
        "level": IntegerField("cardinality(g.path)"),
        "create_time": TimeField("g.create_time"),
    },
    searched=("g.display_name",),
)
_FULL_GROUPS: Final = dataclasses.replace(
    _GROUPS, columns=group_store.FULL_GROUP_COLUMNS, source=group_store.FULL_GROUP_SOURCE
)


class GroupsApi:
    """The tree of groups. `make_id` returns a new id with a prefix."""

    service = group_pb2.DESCRIPTOR.services_by_name["Groups"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self.handlers: Mapping[str, Handle] = {"GetGroup": self.get, "ListGroups": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateGroup": self.create,
            "UpdateGroup": self.update,
            "MoveGroup": self.move,
            "DeleteGroup": self.delete,
        }
        self.rules: Mapping[str, Rule] = {}

    async def get(self, request: group_pb2.GetGroupRequest, caller: Caller) -> Group:
        """GetGroup returns one group."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            row = await _existing(connection, caller.resource, Permission.GROUPS_READ)
        return _shown(caller.actor, row, full=request.view != group_pb2.GROUP_VIEW_BASIC)

    async def list(self, request: group_pb2.ListGroupsRequest, caller: Caller) -> group_pb2.ListGroupsResponse:
        """ListGroups returns the groups that the caller may see."""
        organization = caller.resource.organization
        full = request.view == group_pb2.GROUP_VIEW_FULL
        query = (_FULL_GROUPS if full else _GROUPS).query(
            request, self._page_tokens, organization,
            Condition("g.organization_id = {}", organization),
            visible_groups(caller.actor, group="g.group_id", path="g.path"),
            Condition("true" if request.show_deleted else "g.delete_time IS NULL"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return group_pb2.ListGroupsResponse(
            groups=[_shown(caller.actor, row, full=full) for row in page.rows], next_page_token=page.next_page_token
        )

    async def create(self, request: group_pb2.CreateGroupRequest, change: Change) -> Group:
        """CreateGroup creates a group below another one, or on level 1."""
        organization = change.caller.resource.organization
        await refuse_in_personal_account(change.connection, organization)
        parent = await _new_parent(change, request.group.parent_group)
        await refuse_in_personal_account(change.connection, organization)
        if len(parent.path) >= MAX_GROUP_LEVELS:
            raise _too_deep()
        name = ResourceName(organization, GROUPS, request.group_id or self._make_id("grp"))
        made = await group_store.insert_group(
            change.connection, organization, str(name.resource_id), parent.path, request.group.display_name
        )
        if not made:
            raise already_exists(name)
        return await _recorded(change, name, None, (*parent.path, str(name.resource_id)))

    async def update(self, request: group_pb2.UpdateGroupRequest, change: Change) -> Group:
        """UpdateGroup renames a group."""
        row = await _changeable(change, request.group.etag)
        fields = updated_fields(request.update_mask, request.group)
        if "display_name" not in fields or request.group.display_name == row.display_name:
            return _message(row, full=True)
        await group_store.rename_group(change.connection, row.organization, row.group, request.group.display_name)
        return await _recorded(change, change.caller.resource, row, row.path)

    async def move(self, request: group_pb2.MoveGroupRequest, change: Change) -> Group:
        """MoveGroup moves a group, with everything below it, to another parent."""
        parent = await _new_parent(change, request.parent_group)
        row = await _changeable(change, request.etag)
        if parent.group == row.parent:
            return _message(row, full=True)
        if row.group in parent.path:
            raise AdminError(
                grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.GROUP_CYCLE, "A group cannot be moved below itself."
            )
        await _require_room(change.connection, row, parent)
        await group_store.move_group(change.connection, row, parent.path)
        # The entry has the former path, so that the admins there see where the group went.
        return await _recorded(change, change.caller.resource, row, row.path)

    async def delete(self, request: group_pb2.DeleteGroupRequest, change: Change) -> Group:
        """DeleteGroup deletes an empty group permanently and revokes its open invites."""
        row = await _existing(change.connection, change.caller.resource, Permission.GROUPS_WRITE)
        if row.delete_time:
            return _message(row, full=True)
        check_etag(request.etag, row.etag)
        if row.child_count or row.member_count or row.service_account_count:
            raise _not_empty(row)
        await group_store.mark_group_deleted(change.connection, row.organization, row.group)
        await revoke_invites_into_group(change.connection, row.organization, row.group)
        return await _recorded(change, change.caller.resource, row, row.path)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> GroupRow:
    row = await group_store.get_group(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row


async def _changeable(change: Change, etag: str) -> GroupRow:
    row = await _existing(change.connection, change.caller.resource, Permission.GROUPS_WRITE)
    check_etag(etag, row.etag)
    if row.delete_time:
        raise group_deleted(change.caller.resource)
    return row


async def _new_parent(change: Change, parent_group: str) -> Place:
    """Returns the place of the new parent, after checking that the caller may create a group there."""
    caller: Caller = change.caller
    organization = caller.resource.organization
    parent = await find_place(change.connection, organization, parent_group, Permission.GROUPS_WRITE)
    if not may_create_group(caller.actor, parent.path):
        raise permission_denied(Permission.GROUPS_WRITE, (parent_group or parent.name)[:MAX_SHOWN])
    require_in_use(parent)
    return parent


async def _require_room(connection: Connection, row: GroupRow, parent: Place) -> None:
    """Checks that everything below the group fits the levels it would move to."""
    if len(parent.path) + await group_store.height_of_group(connection, row) > MAX_GROUP_LEVELS:
        raise _too_deep()
    risen = len(row.path) - len(parent.path) - 1
    for role, level in await group_store.admins_below(connection, row):
        if not fits(role, ("",) * (level - risen)):
            raise role_does_not_fit(f"a {role} of level {level} would move to level {level - risen}")


async def _recorded(change: Change, name: ResourceName, before: GroupRow | None, seen_by: Sequence[str]) -> Group:
    """Returns the group as it is now, and records the change in the audit log."""
    after = await _existing(change.connection, name, Permission.GROUPS_WRITE)
    change.record(name, _message(before) if before else None, _message(after), group_path=seen_by)
    return _message(after, full=True)


def _shown(actor: Actor, row: GroupRow, *, full: bool) -> Group:
    """Returns the group as the actor may read it."""
    message = _message(row, full=full)
    if not may_read_figures(actor, Target(row.organization, TargetKind.GROUP, tuple(row.path))):
        for name in ("member_count", "subtree_member_count", "spent_nano_credits", "carried_nano_credits"):
            message.ClearField(name)
        message.figures_hidden = True
    return message


def _message(row: GroupRow, *, full: bool = False) -> Group:
    names = [str(ResourceName(row.organization, GROUPS, group)) for group in row.path]
    message = Group(
        name=names[-1],
        display_name=row.display_name,
        parent_group=names[-2] if row.parent else "",
        level=len(names),
        path=names,
        child_count=row.child_count,
        member_count=row.member_count,
        subtree_member_count=row.subtree_member_count,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        delete_time=timestamp(row.delete_time) if row.delete_time else None,
        etag=row.etag,
    )
    if full:
        set_spend(message, row)
    return message


def _too_deep() -> AdminError:
    message = f"Groups can be at most {MAX_GROUP_LEVELS} levels deep. Choose a higher parent."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.GROUP_TOO_DEEP, message)


def _not_empty(row: GroupRow) -> AdminError:
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.GROUP_NOT_EMPTY,
        f"The group contains {_counted(row.child_count, 'group')}, {_counted(row.member_count, 'member')} and"
        f" {_counted(row.service_account_count, 'service account')}. Move or remove them first.",
        {
            "groupCount": str(row.child_count),
            "memberCount": str(row.member_count),
            "serviceAccountCount": str(row.service_account_count),
        },
    )


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
