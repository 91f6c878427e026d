"""Serves `megarouter.admin.v1.Organizations`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import organization_pb2
from megarouter.admin.v1.organization_pb2 import Organization
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, UserCaller
from admin_service.access.permissions import Permission, Target, may
from admin_service.api.errors import AdminError, FieldViolation, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.masks import updated_fields
from admin_service.api.names import ResourceName
from admin_service.resources.organizations.messages import (
    check_key_requirements,
    organization_message,
    settings_of,
)
from admin_service.resources.organizations.personal import personal_account_error
from admin_service.resources.organizations.store import (
    DELETE,
    RESUME,
    SUSPEND,
    UNDELETE,
    OrganizationRow,
    add_organization,
    add_super_admin,
    change_state,
    choose_account,
    get_organization,
    update_organization,
)
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for, acting_for

_SETTINGS: Final = (
    "display_name",
    "time_zone",
    "input_estimate",
    "budget_mode",
    "expired_hold_policy",
    "billing_email",
)


class OrganizationsApi:
    """Organizations, from creation to deletion."""

    service = organization_pb2.DESCRIPTOR.services_by_name["Organizations"]

    def __init__(self, pool: asyncpg.Pool, make_id: Callable[[str], str], *, anyone_may_create: bool) -> None:
        """Prepares the handlers. `make_id` returns a new id with a prefix."""
        self._pool = pool
        self._make_id = make_id
        self._anyone_may_create = anyone_may_create
        self.handlers: Mapping[str, Handle] = {"GetOrganization": self.get}
        self.changes: Mapping[str, MakeChange] = {
            "CreateOrganization": self.create,
            "UpdateOrganization": self.update,
            "SuspendOrganization": self.suspend,
            "ResumeOrganization": self.resume,
            "DeleteOrganization": self.delete,
            "UndeleteOrganization": self.undelete,
        }
        self.rules: Mapping[str, Rule] = {
            "CreateOrganization": _check_settings,
            "UpdateOrganization": _check_settings,
        }

    async def get(self, _request: organization_pb2.GetOrganizationRequest, caller: Caller) -> Organization:
        """GetOrganization returns an organization."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            message = organization_message(await _existing(connection, caller, Permission.ORGANIZATIONS_READ))
        if not may(caller.actor, Permission.CREDITS_INVOICE, Target(message.name.rpartition("/")[2])):
            message.ClearField("billing_email")
        return message

    async def create(self, request: organization_pb2.CreateOrganizationRequest, change: Change) -> Organization:
        """CreateOrganization creates an organization with the caller as its Super Admin, and makes it their current account."""
        caller: UserCaller = change.caller
        if not (self._anyone_may_create or caller.grant.is_operator):
            raise _operator_required()
        organization = request.organization_id or self._make_id("org")
        name = ResourceName(organization)
        await act_for(change.connection, [organization])
        row = await add_organization(
            change.connection, organization, settings_of(request.organization, None, _SETTINGS)
        )
        if row is None:
            raise _already_exists(f"The id {organization} was used before. Choose another one.", name)
        await add_super_admin(change.connection, organization, self._make_id("mem"), caller.user)
        await choose_account(change.connection, caller.user, organization)
        made = organization_message(row)
        change.record(name, None, made, organization=organization)
        return made

    async def update(self, request: organization_pb2.UpdateOrganizationRequest, change: Change) -> Organization:
        """UpdateOrganization changes settings of an organization."""
        named = updated_fields(request.update_mask, request.organization)
        row = await _existing(change.connection, change.caller, Permission.ORGANIZATIONS_UPDATE)
        check_etag(request.organization.etag, row.etag)
        settings = settings_of(request.organization, row, named)
        if settings == row.settings:
            return organization_message(row)
        return _recorded(change, row, await update_organization(change.connection, row.organization, settings))

    async def suspend(self, request: organization_pb2.SuspendOrganizationRequest, change: Change) -> Organization:
        """SuspendOrganization stops all calls of an organization until it is resumed."""
        return await _change_state(SUSPEND, "SUSPENDED", request.etag, change)

    async def resume(self, request: organization_pb2.ResumeOrganizationRequest, change: Change) -> Organization:
        """ResumeOrganization ends a suspension, unless an operator suspended the organization."""
        row = await _existing(change.connection, change.caller, Permission.ORGANIZATIONS_SUSPEND)
        if row.is_blocked:
            message = "An operator of the deployment suspended the organization. Only an operator can resume it."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.SUSPENDED_BY_OPERATOR, message)
        return await _change_state(RESUME, "ACTIVE", request.etag, change)

    async def delete(self, request: organization_pb2.DeleteOrganizationRequest, change: Change) -> Organization:
        """DeleteOrganization deletes an organization.

        Its ledger stays open: open calls settle, and expired holds are charged (fault H6).
        """
        row = await _existing(change.connection, change.caller, Permission.ORGANIZATIONS_DELETE)
        if row.kind == "PERSONAL":
            raise personal_account_error("A personal account cannot be deleted.")
        return await _change_state(DELETE, "DELETED", request.etag, change)

    async def undelete(self, request: organization_pb2.UndeleteOrganizationRequest, change: Change) -> Organization:
        """UndeleteOrganization restores a deleted organization before it is purged."""
        row = await _existing(change.connection, change.caller, Permission.ORGANIZATIONS_DELETE)
        check_etag(request.etag, row.etag)
        if row.state != "DELETED":
            raise _already_exists("The organization is not deleted.", change.caller.resource)
        if row.is_purged:
            message = "The organization was deleted too long ago to restore it."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.PURGED, message)
        return _recorded(change, row, await change_state(change.connection, row.organization, UNDELETE))


def _check_settings(
    request: organization_pb2.CreateOrganizationRequest | organization_pb2.UpdateOrganizationRequest,
) -> Iterable[FieldViolation]:
    return check_key_requirements(request.organization)


async def _existing(connection: Connection, caller: Caller, permission: Permission) -> OrganizationRow:
    row = await get_organization(connection, caller.resource.organization)
    if row is None:
        raise permission_denied(permission, str(caller.resource))
    return row


async def _change_state(transition: str, state: str, etag: str, change: Change) -> Organization:
    row = await _existing(change.connection, change.caller, Permission.ORGANIZATIONS_SUSPEND)
    check_etag(etag, row.etag)
    if row.state == state:
        return organization_message(row)
    return _recorded(change, row, await change_state(change.connection, row.organization, transition))


def _recorded(change: Change, before: OrganizationRow, after: OrganizationRow) -> Organization:
    message = organization_message(after)
    change.record(change.caller.resource, organization_message(before), message)
    return message


def _operator_required() -> AdminError:
    message = (
        "Only an operator of this deployment may create organizations. Ask an operator to create one and to invite you,"
        " or an admin of an existing organization for an invite."
    )
    return AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.OPERATOR_REQUIRED, message)


def _already_exists(message: str, name: ResourceName) -> AdminError:
    return AdminError(grpc.StatusCode.ALREADY_EXISTS, ErrorReason.ALREADY_EXISTS, message, {"resource": str(name)})
