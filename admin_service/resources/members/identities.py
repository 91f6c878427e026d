"""Links an identity at an identity provider to a member's user. Whoever signs in with it is that user in every organization.

So an admin links only the identity of a member of a lower role whose user has no rights outside the organization.
"""

from typing import Final, Protocol

import grpc
from megarouter.admin.v1.member_pb2 import LinkMemberIdentityRequest, Member
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, OperatorCaller
from admin_service.access.directory import Directory, memberships_of
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

_HAS_CREDIT: Final = """
SELECT EXISTS (SELECT FROM ledger_transfers t WHERE t.organization_id = ANY ($1::text[]))
"""


class LinkRequest(Protocol):
    """The request of both RPCs."""

    issuer: str
    subject: str


class IdentityLinks:
    """Serves `LinkMemberIdentity` and `LinkUserIdentity`."""

    def __init__(self, directory: Directory, issuers: Issuers) -> None:
        self._directory = directory
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
        await require_no_rights_elsewhere(change.connection, self._directory, row.user, row.organization)
        await act_for(change.connection, [row.organization])
        await self._link(request, change, row)
        return member_message(row, full=True)

    async def link_as_operator(self, request: LinkRequest, change: Change) -> ResourceName:
        """Links as an operator. Returns the name of the member."""
        caller: OperatorCaller = change.caller
        row = await _existing(change.connection, caller.named, Permission.OPERATORS_WRITE)
        await self._link(request, change, row)
        return caller.named

    async def _link(self, request: LinkRequest, change: Change, row: MemberRow) -> None:
        """Links, and writes the audit log of every organization of the user.

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
            await add_identity(connection, identity, row.user, None)
            await self._record(change, row, {"issuer": request.issuer, "subject": request.subject})
        elif known_identity.user != row.user:
            message = (
                "This identity is linked to another user already, and a link is for good. Invite the person instead."
            )
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.IDENTITY_LINKED, message)

    async def _record(self, change: Change, row: MemberRow, linked: dict[str, str]) -> None:
        places = await memberships_of(change.connection, row.user)
        await act_for(change.connection, [place.organization for place in places])
        author = Author.of(change.caller, change.method, change.request_id)
        for place in places:
            own = author if place.organization == row.organization else author.without_membership()
            name = str(ResourceName(place.organization, MEMBERS, place.member))
            await own.write(change.connection, place.organization, name, None, json_text(linked), place.group_path)
        await act_for(change.connection, [row.organization])


async def require_no_rights_elsewhere(
    connection: Connection, directory: Directory, user: str, organization: str
) -> None:
    """Checks that a user has no rights outside an organization, which an admin of it would gain by signing in as the user.

    The transaction acts for other organizations afterward.

    Raises:
        AdminError: USER_REACHES_FURTHER. It does not say which rights.
    """
    others = [place for place in await memberships_of(connection, user) if place.organization != organization]
    is_elsewhere = any(place.kind != "PERSONAL" for place in others)
    accounts = [place.organization for place in others]
    await act_for(connection, accounts)
    if is_elsewhere or await directory.is_operator(user) or await connection.fetchval(_HAS_CREDIT, accounts):
        message = "This user also has rights outside the organization, which would come along. Ask an operator."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.USER_REACHES_FURTHER, message)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> MemberRow:
    found = await member_store.get_members(connection, name.organization, [str(name.resource_id)])
    if not found:
        raise permission_denied(permission, str(name))
    return found[str(name.resource_id)]
