"""Groups of a directory are groups of the organization. SCIM sees and changes only those that it created.

A new group is on level 1. An admin may move it: the directory knows it by its id. A group of the directory has users and no
groups.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from megarouter.admin.v1 import group_pb2
from megarouter.admin.v1.group_pb2 import Group

from admin_service.api.etags import etag_of
from admin_service.api.names import GROUPS, MEMBERS, ResourceName
from admin_service.resources.groups.service import GroupsApi
from admin_service.resources.members import changes as member_changes
from admin_service.scim import group_store as store
from admin_service.scim import user_store
from admin_service.scim.attributes import GROUP, GROUP_SCHEMA, MAX_MEMBERS, kept
from admin_service.scim.discovery import ROOT
from admin_service.scim.errors import ScimError, invalid_value, not_found
from admin_service.scim.group_store import GroupRow
from admin_service.scim.patches import patched
from admin_service.scim.users import kept_of as kept_of_user
from admin_service.serving.change_transaction import Change
from gateway_core.stores.postgres.connections import Connection

_MAX_NAME: Final = 200


class Groups:
    """Changes groups. `tree` changes the groups of the organization, with all checks."""

    def __init__(self, tree: GroupsApi) -> None:
        self._tree = tree

    async def create(self, change: Change, body: Mapping[str, Any]) -> dict[str, Any]:
        """Creates a group on level 1.

        Raises:
            ScimError: the name is missing, or a group of the directory has it; a member is no user of the organization.
        """
        organization = change.caller.resource.organization
        wanted = _checked(kept(body, GROUP))
        await _require_free(change.connection, organization, wanted["displayName"])
        request = group_pb2.CreateGroupRequest(
            parent=str(ResourceName(organization)), group=Group(display_name=wanted["displayName"])
        )
        group = (await self._tree.create(request, change)).name.rpartition("/")[2]
        await store.add_group(change.connection, organization, group, wanted.get("externalId"))
        await self._set_members(change, group, [], _ids(wanted))
        return await read_group(change.connection, organization, group)

    async def replace(self, change: Change, group: str, body: Mapping[str, Any], if_match: str) -> dict[str, Any]:
        """Makes a group what the directory says now. Without `members` it has none."""
        return await self._applied(change, group, lambda _: kept(body, GROUP), if_match)

    async def modify(self, change: Change, group: str, body: Mapping[str, Any], if_match: str) -> dict[str, Any]:
        """Changes parts of a group."""
        return await self._applied(change, group, lambda present: patched(kept(present, GROUP), body, GROUP), if_match)

    async def _applied(
        self, change: Change, group: str, wanted_of: Callable[[dict[str, Any]], dict[str, Any]], if_match: str
    ) -> dict[str, Any]:
        connection, organization = change.connection, change.caller.resource.organization
        present = await read_group(connection, organization, group)
        _require_version(present, if_match)
        wanted = _checked(wanted_of(present))
        if wanted["displayName"] != present["displayName"]:
            if wanted["displayName"].casefold() != present["displayName"].casefold():
                await _require_free(connection, organization, wanted["displayName"])
            name = str(ResourceName(organization, GROUPS, group))
            request = group_pb2.UpdateGroupRequest(
                group=Group(name=name, display_name=wanted["displayName"]),
                update_mask=FieldMask(paths=["display_name"]),
            )
            await self._tree.update(request, _about(change, group))
        if wanted.get("externalId") != present.get("externalId"):
            await store.note_group(connection, organization, group, wanted.get("externalId"))
        await self._set_members(change, group, _ids(present), _ids(wanted))
        return await read_group(connection, organization, group)

    async def delete(self, change: Change, group: str, if_match: str) -> None:
        """Deletes a group. Its members go to the next of their groups.

        Members whom an admin put there keep it from being deleted.
        """
        connection, organization = change.connection, change.caller.resource.organization
        present = await read_group(connection, organization, group)
        _require_version(present, if_match)
        await self._set_members(change, group, _ids(present), [])
        name = str(ResourceName(organization, GROUPS, group))
        await self._tree.delete(group_pb2.DeleteGroupRequest(name=name), _about(change, group))

    async def _set_members(self, change: Change, group: str, present: Sequence[str], wanted: Sequence[str]) -> None:
        connection, organization = change.connection, change.caller.resource.organization
        added, removed = sorted(set(wanted) - set(present)), sorted(set(present) - set(wanted))
        if not added and not removed:
            return
        users = await user_store.users_by_id(connection, organization, added)
        if unknown := next((one for one in added if one not in users), None):
            raise invalid_value(f"members: there is no user {unknown[:100]!r} in this organization.")
        for member in added:
            if not users[member].is_kept:
                await user_store.keep_user(connection, organization, member, kept_of_user(users[member]))
        await store.change_members(connection, organization, group, added, removed)
        await store.note_group(connection, organization, group, await _external_id(connection, organization, group))
        await place(change, [*added, *removed])
        before, after = Struct(), Struct()
        before.update({"removedMembers": removed})
        after.update({"addedMembers": added})
        change.record(ResourceName(organization, GROUPS, group), before, after)


async def place(change: Change, members: Sequence[str]) -> None:
    """Moves members to where their groups say."""
    organization = change.caller.resource.organization
    moving = await store.members_to_move(change.connection, organization, members)
    for group, those in moving.items():
        names = [str(ResourceName(organization, MEMBERS, one)) for one in those]
        await member_changes.move(change, names, str(ResourceName(organization, GROUPS, group)) if group else "")
        await user_store.note_places(change.connection, organization, those, group)


async def read_group(connection: Connection, organization: str, group: str) -> dict[str, Any]:
    """Returns a group as SCIM shows it.

    Raises:
        ScimError: the directory created no such group.
    """
    row = await store.group_by_id(connection, organization, group)
    if row is None:
        raise not_found(f"Groups/{group}")
    members = await store.members_of(connection, organization, [group], MAX_MEMBERS)
    return resource_of(row, members[group])


def resource_of(row: GroupRow, members: Sequence[str]) -> dict[str, Any]:
    """Returns a group with its members as SCIM shows it."""
    refs = [{"value": one, "$ref": f"{ROOT}/Users/{one}", "type": "User"} for one in members]
    version = etag_of(row.group, row.display_name, row.external_id, repr(members), row.update_time)
    return {
        "schemas": [GROUP_SCHEMA],
        "id": row.group,
        **({"externalId": row.external_id} if row.external_id else {}),
        "displayName": row.display_name,
        **({"members": refs} if refs else {}),
        "meta": {
            "resourceType": "Group",
            "created": row.create_time.isoformat(),
            "lastModified": row.update_time.isoformat(),
            "location": f"{ROOT}/Groups/{row.group}",
            "version": f"W/{version}",
        },
    }


def _about(change: Change, group: str) -> Change:
    """Returns the same change with the group as its resource."""
    name = ResourceName(change.caller.resource.organization, GROUPS, group)
    return dataclasses.replace(change, caller=dataclasses.replace(change.caller, resource=name))


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    name = wanted.get("displayName", "")
    if not 1 <= len(name) <= _MAX_NAME:
        raise invalid_value(f"displayName is required, with at most {_MAX_NAME} characters.")
    return wanted


def _ids(wanted: Mapping[str, Any]) -> list[str]:
    """Returns the ids of the members.

    Raises:
        ScimError: a member is a group.
    """
    members = wanted.get("members", ())
    for one in members:
        if one.get("type", "User").casefold() != "user" or "/Groups/" in one.get("$ref", ""):
            raise invalid_value("members: a group cannot contain a group. An admin moves groups below others.")
        if "value" not in one:
            raise invalid_value("members: each needs a `value`, the id of a user.")
    return [one["value"] for one in members]


async def _require_free(connection: Connection, organization: str, display_name: str) -> None:
    if await store.groups_by_name(connection, organization, display_name):
        raise ScimError(409, "A group of the directory has this displayName. Update that group.", "uniqueness")


async def _external_id(connection: Connection, organization: str, group: str) -> str | None:
    row = await store.group_by_id(connection, organization, group)
    return row.external_id if row else None


def _require_version(present: Mapping[str, Any], if_match: str) -> None:
    if if_match and if_match not in {"*", present["meta"]["version"]}:
        raise ScimError(412, "The group changed since it was read. Read it again.")
