"""Serves `megarouter.admin.v1.Invites`: creates, reads and revokes invites. `acceptance` has the RPCs for token holders."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import invite_pb2
from megarouter.admin.v1.invite_pb2 import CreateInviteResponse, Invite
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.granted_places import granted_place
from admin_service.access.permissions import Permission, Role, Target, TargetKind, may, visibility
from admin_service.access.role_messages import role_of
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.names import MEMBERS, ResourceName
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.access_tokens.store import now_of
from admin_service.resources.guardrails.member_limits import limit_values, require_settable
from admin_service.resources.guardrails.store import Settings
from admin_service.resources.invites.acceptance import InviteAcceptance
from admin_service.resources.invites.messages import (
    STATES,
    check_batch,
    check_create,
    end_of,
    invite_link,
    invite_message,
    invite_name,
)
from admin_service.resources.invites.store import (
    INVITE_COLUMNS,
    INVITE_STATE,
    InviteRow,
    NewInvite,
    add_invite,
    get_invite,
    present_member,
    revoke_invite,
)
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.bearer_secrets import INVITE_TOKEN, SECRET_BYTES, Peppers, hash_secret
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_WRITE: Final = Permission.INVITES_WRITE
_DEFAULT_USES: Final = 1

_INVITES: Final = Listing(
    columns=INVITE_COLUMNS,
    source="invites i",
    make=InviteRow,
    permission=Permission.INVITES_READ,
    orders={"name": SortColumn("i.invite_id")},
    unique=SortColumn("i.invite_id"),
    default_order="name",
    fields={
        "name": NameField("i.invite_id", "organizations/{organization}/invites/{id}"),
        "role": EnumField.of("i.role", Role, "ROLE_"),
        "group": NameField("i.group_id", "organizations/{organization}/groups/{id}"),
        "state": EnumField(f"({INVITE_STATE})", {state: state for state in STATES}, "STATE_"),
        "inviter": NameField("i.inviter_member_id", "organizations/{organization}/members/{id}"),
        "email": TextField("i.email"),
        "email_domain": TextField("i.email_domain"),
        "max_uses": IntegerField("i.max_uses"),
        "use_count": IntegerField("i.use_count"),
        "expire_time": TimeField("i.expire_time"),
        "create_time": TimeField("i.create_time"),
    },
    searched=("i.email", "i.email_domain"),
)


class InvitesApi:
    """The invites of organizations."""

    service = invite_pb2.DESCRIPTOR.services_by_name["Invites"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        peppers: Peppers,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        page_url: str | None,
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            page_tokens: makes and reads page tokens.
            peppers: hash invite tokens.
            make_id: returns a new id with a prefix.
            random_bytes: returns this many random bytes.
            page_url: the page that links lead to; None for no links.
        """
        self._pool = pool
        self._page_tokens = page_tokens
        self._pepper = peppers.current
        self._make_id = make_id
        self._random_bytes = random_bytes
        self._page_url = page_url
        acceptance = InviteAcceptance(pool, peppers, make_id)
        self.handlers: Mapping[str, Handle] = {
            "GetInvite": self.get,
            "ListInvites": self.list,
            "PreviewInvite": acceptance.preview,
        }
        self.changes: Mapping[str, MakeChange] = {
            "CreateInvite": self.create,
            "RevokeInvite": self.revoke,
            "BatchCreateInvites": self.batch_create,
            "AcceptInvite": acceptance.accept,
        }
        self.rules: Mapping[str, Rule] = {"CreateInvite": check_create, "BatchCreateInvites": check_batch}

    async def get(self, _request: invite_pb2.GetInviteRequest, caller: Caller) -> Invite:
        """GetInvite returns one invite, without its token."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return invite_message(await _existing(connection, caller, Permission.INVITES_READ))

    async def list(self, request: invite_pb2.ListInvitesRequest, caller: Caller) -> invite_pb2.ListInvitesResponse:
        """ListInvites returns the invites that the caller may see."""
        organization = caller.resource.organization
        query = _INVITES.query(
            request, self._page_tokens, organization,
            Condition("i.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member=None, group_path="i.group_path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return invite_pb2.ListInvitesResponse(
            invites=map(invite_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(self, request: invite_pb2.CreateInviteRequest, change: Change) -> CreateInviteResponse:
        """CreateInvite returns the new invite with its token. A repeated request gets no token."""
        (issued,) = await self.issue(change, request.invite, [request.invite.email])
        change.repeat_answer = _without_token(issued)
        return issued

    async def batch_create(
        self, request: invite_pb2.BatchCreateInvitesRequest, change: Change
    ) -> invite_pb2.BatchCreateInvitesResponse:
        """BatchCreateInvites creates one invite for each address, or none if one fails."""
        issued = await self.issue(change, request.invite, request.emails)
        change.repeat_answer = invite_pb2.BatchCreateInvitesResponse(invites=map(_without_token, issued))
        return invite_pb2.BatchCreateInvitesResponse(invites=issued)

    async def revoke(self, request: invite_pb2.RevokeInviteRequest, change: Change) -> Invite:
        """RevokeInvite revokes a pending invite. Revoking it again changes nothing."""
        caller: Caller = change.caller
        row = await _existing(change.connection, caller, _WRITE)
        check_etag(request.etag, row.etag)
        before = invite_message(row)
        if row.state == "REVOKED":
            return before
        if row.state != "PENDING":
            message = f"{caller.resource} is {row.state.lower()}. Only a pending invite can be revoked."
            metadata = {"state": row.state}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
        after = invite_message(await revoke_invite(change.connection, row.organization, row.invite))
        change.record(caller.resource, before, after, group_path=row.group_path)
        return after

    async def issue(
        self, change: Change, wanted: Invite, emails: Sequence[str], *, allow_unknown_models: bool = False
    ) -> Sequence[CreateInviteResponse]:
        """Creates an invite for each address. An empty address leaves the invite unbound.

        Raises:
            AdminError: PERMISSION_DENIED, PERSONAL_ACCOUNT, ROLE_NOT_GRANTABLE, STATE_UNSUITABLE, ROLE_DOES_NOT_FIT_GROUP,
                ALREADY_MEMBER, LIMIT_ABOVE_OWN, FIELD_INVALID.
        """
        connection, caller = change.connection, change.caller
        await refuse_in_personal_account(connection, caller.resource.organization)
        place = await granted_place(change.connection, change.caller, role_of(wanted.role), wanted.group, _WRITE)
        limits = {name: value for name, value in limit_values(wanted.member_limits).items() if value is not None}
        newcomer = Target(place.organization, TargetKind.PERSON, place.path, None, role_of(wanted.role))
        await require_settable(change, newcomer, Settings(), limits, allow_unknown_models=allow_unknown_models)
        end = end_of(wanted, await now_of(connection))
        issued = []
        for email in emails:
            await _require_no_member(change, email.lower())
            token = INVITE_TOKEN.make(self._random_bytes(SECRET_BYTES))
            new = NewInvite(
                organization=place.organization,
                invite=self._make_id("inv"),
                inviter=caller.actor.member,
                group=place.group,
                role=role_of(wanted.role),
                secret_hash=hash_secret(token, self._pepper),
                expire_time=end,
                max_uses=wanted.max_uses or _DEFAULT_USES,
                email=email.lower() or None,
                email_domain=wanted.email_domain.lower() or None,
                member_limits=limits,
            )
            row = await add_invite(connection, new)
            made = invite_message(row)
            change.record(invite_name(row), None, made, group_path=place.path)
            issued.append(CreateInviteResponse(invite=made, token=token, link=invite_link(self._page_url, token)))
        return issued


async def _existing(connection: Connection, caller: Caller, permission: Permission) -> InviteRow:
    """Returns the row. If it is gone since the call was authorized, the error is the same as if it had never existed."""
    row = await get_invite(connection, caller.resource.organization, str(caller.resource.resource_id))
    if row is None:
        raise permission_denied(permission, str(caller.resource))
    return row


async def _require_no_member(change: Change, email: str) -> None:
    """Checks that the address belongs to no member, because an invite neither changes a role nor resumes a member.

    Raises:
        AdminError: ALREADY_MEMBER. It identifies the member only to a caller who may read them.
    """
    caller: Caller = change.caller
    organization = caller.resource.organization
    found = await present_member(change.connection, organization, email) if email else None
    if found is None:
        return
    target = Target(organization, TargetKind.PERSON, found.group_path, found.member, found.role)
    if not may(caller.actor, Permission.MEMBERS_READ, target):
        message = f"{email} is already a member of the organization. Ask a Super Admin to change the role or the group."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ALREADY_MEMBER, message)
    name = ResourceName(organization, MEMBERS, found.member)
    remedy = "Change the role with ChangeMemberRole, or the group with MoveMember."
    if found.state == "SUSPENDED":
        remedy = "Resume the member with ResumeMember."
    message = (
        f"{email} is already {'a suspended' if found.state == 'SUSPENDED' else 'an active'} member, {name}, with the role"
        f" {found.role}; an invite would change nothing. {remedy}"
    )
    metadata = {"member": str(name), "role": found.role.value, "state": found.state}
    raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ALREADY_MEMBER, message, metadata)


def _without_token(issued: CreateInviteResponse) -> CreateInviteResponse:
    return CreateInviteResponse(invite=issued.invite, secret_already_issued=True)
