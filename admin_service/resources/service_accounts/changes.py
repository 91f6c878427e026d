"""The RPCs that change service accounts. Every change holds the lock of the organization."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from megarouter.admin.v1 import service_account_pb2
from megarouter.admin.v1.service_account_pb2 import ServiceAccount
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Role, Target, TargetKind
from admin_service.access.tree_places import MAX_SHOWN, Place, find_place, require_in_use
from admin_service.api.errors import AdminError, already_exists, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.masks import updated_fields
from admin_service.api.names import GROUPS, SERVICE_ACCOUNTS, ResourceName
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.resources.service_accounts import store
from admin_service.resources.service_accounts.messages import service_account_message, service_account_name
from admin_service.resources.service_accounts.store import ServiceAccountRow
from admin_service.serving.change_transaction import Change, MakeChange
from gateway_core.model.organization.service_accounts import ID_PREFIX

_WRITE: Final = Permission.SERVICE_ACCOUNTS_WRITE


class ServiceAccountChanges:
    """Creates and changes service accounts. `make_id` returns a new id with a prefix."""

    def __init__(self, make_id: Callable[[str], str]) -> None:
        self._make_id = make_id
        self.by_rpc: Mapping[str, MakeChange] = {
            "CreateServiceAccount": self.create,
            "UpdateServiceAccount": update,
            "MoveServiceAccount": move,
            "DisableServiceAccount": disable,
            "EnableServiceAccount": enable,
            "DeleteServiceAccount": delete,
            "UndeleteServiceAccount": undelete,
        }

    async def create(self, request: service_account_pb2.CreateServiceAccountRequest, change: Change) -> ServiceAccount:
        """CreateServiceAccount creates a service account in a group, or for a Super Admin without one."""
        organization, asked = change.caller.resource.organization, request.service_account
        await refuse_in_personal_account(change.connection, organization)
        place = await _place(change, asked.group)
        require_in_use(place)
        chosen = request.service_account_id or self._make_id(ID_PREFIX)
        name = ResourceName(organization, SERVICE_ACCOUNTS, chosen)
        if not await store.insert_service_account(
            change.connection, organization, chosen, asked.display_name, place.group
        ):
            raise already_exists(name)
        made = await _existing(change, name)
        change.record(name, None, service_account_message(made), group_path=made.group_path)
        return service_account_message(made, full=True)


async def update(request: service_account_pb2.UpdateServiceAccountRequest, change: Change) -> ServiceAccount:
    """UpdateServiceAccount renames a service account."""
    asked = request.service_account
    row = await _changeable(change, asked.etag)
    fields = updated_fields(request.update_mask, asked)
    name = asked.display_name if "display_name" in fields else row.display_name
    return await _changed(change, row, display_name=name)


async def move(request: service_account_pb2.MoveServiceAccountRequest, change: Change) -> ServiceAccount:
    """MoveServiceAccount puts a service account into another group."""
    place = await _place(change, request.group)
    require_in_use(place)
    row = await _changeable(change, request.etag)
    return await _changed(change, row, group=place.group)


async def disable(request: service_account_pb2.DisableServiceAccountRequest, change: Change) -> ServiceAccount:
    """DisableServiceAccount stops calls with its keys until it is enabled."""
    return await _changed(change, await _changeable(change, request.etag), state="SUSPENDED")


async def enable(request: service_account_pb2.EnableServiceAccountRequest, change: Change) -> ServiceAccount:
    """EnableServiceAccount accepts calls with its keys again."""
    return await _changed(change, await _changeable(change, request.etag), state="ACTIVE")


async def delete(request: service_account_pb2.DeleteServiceAccountRequest, change: Change) -> ServiceAccount:
    """DeleteServiceAccount deletes a service account, and its keys permanently."""
    row = await _existing(change, change.caller.resource)
    if row.state == "REMOVED":
        return service_account_message(row, full=True)
    check_etag(request.etag, row.etag)
    return await _changed(change, row, state="REMOVED")


async def undelete(request: service_account_pb2.UndeleteServiceAccountRequest, change: Change) -> ServiceAccount:
    """UndeleteServiceAccount restores a deleted service account, without keys."""
    row = await _existing(change, change.caller.resource)
    if row.state != "REMOVED":
        return service_account_message(row, full=True)
    check_etag(request.etag, row.etag)
    if row.group:
        name = str(ResourceName(row.organization, GROUPS, row.group))
        require_in_use(await find_place(change.connection, row.organization, name, _WRITE))
    return await _changed(change, row, state="ACTIVE")


async def _place(change: Change, group: str) -> Place:
    """Returns the place with this name, after checking that the caller may put service accounts there."""
    caller: Caller = change.caller
    place = await find_place(change.connection, caller.resource.organization, group, _WRITE)
    target = Target(place.organization, TargetKind.PERSON, place.path, None, Role.MEMBER)
    caller.require(_WRITE, target, group[:MAX_SHOWN] or place.name)
    return place


async def _existing(change: Change, name: ResourceName) -> ServiceAccountRow:
    row = await store.get_service_account(change.connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(_WRITE, str(name))
    return row


async def _changeable(change: Change, etag: str) -> ServiceAccountRow:
    row = await _existing(change, change.caller.resource)
    check_etag(etag, row.etag)
    if row.state == "REMOVED":
        message = f"{change.caller.resource} is deleted. Undelete it first."
        metadata = {"state": "DELETED"}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
    return row


async def _changed(change: Change, row: ServiceAccountRow, **values: Any) -> ServiceAccount:  # noqa: ANN401 - of the row
    """Stores the values if they differ from the row's, and records the change in the audit log.

    The entry has the former place, so that the admins there see where the service account went.
    """
    changed = dataclasses.replace(row, **values)
    if changed == row:
        return service_account_message(row, full=True)
    await store.change_service_account(change.connection, changed)
    after = await _existing(change, service_account_name(row))
    messages = (service_account_message(row), service_account_message(after))
    change.record(service_account_name(row), *messages, group_path=row.group_path)
    return service_account_message(after, full=True)
