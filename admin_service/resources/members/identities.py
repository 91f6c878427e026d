"""Links an identity at an identity provider to a member's user. Whoever signs in with it is that user.

An admin links only the identity of a member of a lower role, and only for the organization: otherwise the admin could act as the
user in another organization, now or when the user joins one. An operator links for all organizations.
"""

from typing import Protocol

import grpc
from google.protobuf.struct_pb2 import Struct
from megarouter.admin.v1.member_pb2 import LinkMemberIdentityRequest, Member
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, OperatorCaller
from admin_service.access.directory import memberships_of
from admin_service.access.identity_tokens import ProviderUser
from admin_service.access.permissions import Permission, Role, is_below
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.names import MEMBERS, ResourceName
from admin_service.resources.members import store as member_store
from admin_service.resources.members.messages import member_message
from admin_service.resources.members.store import MemberRow
from admin_service.serving.audit_entries import Author, json_text
from admin_service.serving.change_transaction import Change
from admin_service.sign_in.identity_store import add_identity, lock_identity
from admin_service.sign_in.issuers import Issuers
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for


class LinkRequest(Protocol):
    """The request of both RPCs."""

    issuer: str
    subject: str


class IdentityLinks:
    """Serves `LinkMemberIdentity` and `LinkUserIdentity`."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    async def link(self, request: LinkMemberIdentityRequest, change: Change) -> Member:
        """LinkMemberIdentity links as an admin of the organization."""
        caller: Caller = change.caller
        if caller.actor.is_credential:  # its holder could then act as the member
            raise permission_denied(Permission.MEMBERS_WRITE, str(caller.resource))
        row = await _existing(change.connection, caller.resource, Permission.MEMBERS_WRITE)
        if not is_below(Role(row.role), caller.actor.role):
            message = "You can link an identity only to a member of a lower role. Ask a higher admin, or an operator."
            raise AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.ROLE_NOT_GRANTABLE, message)
        await self._link(request, change, row, row.organization)
        return member_message(row, full=True)

    async def link_as_operator(self, request: LinkRequest, change: Change) -> ResourceName:
        """Links as an operator. Returns the name of the member."""
        caller: OperatorCaller = change.caller
        row = await _existing(change.connection, caller.named, Permission.OPERATORS_WRITE)
        await self._link(request, change, row, None)
        return caller.named

    async def _link(self, request: LinkRequest, change: Change, row: MemberRow, only_organization: str | None) -> None:
        """Links in one organization or in all, and writes the audit log of each.

        Raises:
            AdminError: FIELD_INVALID, STATE_UNSUITABLE or IDENTITY_LINKED.
        """
        connection = change.connection
        if request.issuer not in self._issuers.by_name:
            known = ", ".join(sorted(self._issuers.by_name)) or "none is configured"
            raise invalid_fields(FieldViolation("issuer", f"must be an identity provider of the deployment: {known}"))
        if not request.subject.isprintable():
            raise invalid_fields(FieldViolation("subject", "must not contain control characters"))
        if row.state == "REMOVED":
            message = "The member is removed. Invite the person again."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.MEMBER_REMOVED, message)
        known_identity = await lock_identity(connection, request.issuer, request.subject)
        if known_identity is None:
            identity = ProviderUser(request.issuer, request.subject, None, "", has_name=False)
            await add_identity(connection, identity, row.user, None, only_organization)
            linked = {"issuer": request.issuer, "subject": request.subject}
            await self._record(change, row, linked, only_organization)
        elif known_identity.user != row.user or known_identity.only_organization not in {None, only_organization}:
            message = (
                "This identity is linked already, to another user or for one organization only, and a link is for good."
                " Invite the person instead."
            )
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.IDENTITY_LINKED, message)

    async def _record(
        self, change: Change, row: MemberRow, linked: dict[str, str], only_organization: str | None
    ) -> None:
        every = await memberships_of(change.connection, row.user)
        places = [place for place in every if only_organization in {None, place.organization}]
        await act_for(change.connection, [place.organization for place in places])
        author = Author.of(change.caller, change.method, change.request_id)
        for place in places:
            own = author if place.organization == row.organization else author.without_membership()
            name = str(ResourceName(place.organization, MEMBERS, place.member))
            await own.write(change.connection, place.organization, name, None, json_text(linked), place.group_path)
        await act_for(change.connection, [row.organization])
        if isinstance(change.caller, OperatorCaller):
            after = Struct()
            after.update(linked)
            change.record_for_operators(ResourceName(row.organization, MEMBERS, row.member), None, after)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> MemberRow:
    found = await member_store.get_members(connection, name.organization, [str(name.resource_id)])
    if not found:
        raise permission_denied(permission, str(name))
    return found[str(name.resource_id)]
