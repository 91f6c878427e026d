"""What the holder of an invite token can do: preview the invite and accept it.

All unusable tokens fail in the same way. A token with a wrong checksum is refused before any lookup, so guessing puts no load on
the database.
"""

import dataclasses
from collections.abc import Callable

import asyncpg
import grpc
from google.rpc.error_details_pb2 import QuotaFailure
from megarouter.admin.v1.invite_pb2 import (
    AcceptInviteRequest,
    AcceptInviteResponse,
    PreviewInviteRequest,
    PreviewInviteResponse,
)
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import UserCaller
from admin_service.access.permissions import Role
from admin_service.access.role_messages import role_value
from admin_service.api.errors import AdminError
from admin_service.api.names import GUARDRAILS, MEMBERS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.guardrails.member_limits import begin_member_limits
from admin_service.resources.invites import acceptance_store as admission_store
from admin_service.resources.invites import store as invite_store
from admin_service.resources.invites.acceptance_store import Candidate, Seats
from admin_service.resources.invites.messages import group_name, invite_message, invite_name
from admin_service.resources.invites.rules import Outcome, accept
from admin_service.resources.invites.store import InviteRow, Standing
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.members.store import MemberRow, get_members
from admin_service.resources.organizations.store import choose_account
from admin_service.serving.change_transaction import Change, organization_inactive
from gateway_core.model.organization.bearer_secrets import INVITE_TOKEN, Peppers
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for


class InviteAcceptance:
    """Serves `PreviewInvite` and `AcceptInvite`."""

    def __init__(self, pool: asyncpg.Pool, peppers: Peppers, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._peppers = peppers
        self._make_id = make_id

    async def preview(self, request: PreviewInviteRequest, _caller: UserCaller) -> PreviewInviteResponse:
        """PreviewInvite returns what the invite offers."""
        async with self._pool.acquire() as connection, connection.transaction():
            organization, invite = await self._find(connection, request.token, None)
            await act_for(connection, [organization])
            standing = await invite_store.standing_of(connection, organization, invite)
        if not standing.invitation.is_good:
            raise _invalid()
        return PreviewInviteResponse(
            organization_display_name=standing.organization_name,
            role=role_value(standing.invitation.role),
            group_display_name=standing.group_name,
            inviter_display_name=standing.inviter_name,
            expire_time=timestamp(standing.expire_time),
        )

    async def accept(self, request: AcceptInviteRequest, change: Change) -> AcceptInviteResponse:
        """AcceptInvite makes the caller a member, and the organization their current account.

        It reads everything again under the lock of the organization, so only one caller gets the last use or the last seat.
        """
        user = change.caller.user
        organization, invite = await self._find(change.connection, request.token, user)
        await change.act_for(organization)
        standing = await invite_store.standing_of(change.connection, organization, invite)
        candidate = await admission_store.candidate_of(change.connection, organization, user)
        if change.caller.grant.email:  # what the issuer says now; the stored address may be another's by now
            candidate = dataclasses.replace(candidate, email=change.caller.grant.email)
        seats = await admission_store.seats_of(change.connection, organization)
        outcome = accept(standing.invitation, candidate.email, candidate.member_state, has_free_seat=seats.has_free)
        _raise_unless_accepted(outcome, standing, seats, organization)
        if outcome is not Outcome.IS_MEMBER:
            candidate = await self._admit(change, organization, invite, candidate)
            await choose_account(change.connection, user, organization)
        await _revoke_others(change, organization, candidate.email)
        row = await _member(change.connection, organization, str(candidate.member))
        return AcceptInviteResponse(
            organization=str(ResourceName(organization)),
            member=str(ResourceName(organization, MEMBERS, row.member)),
            role=role_value(Role(row.role)),
            group=group_name(organization, row.group),
            already_member=outcome is Outcome.IS_MEMBER,
        )

    async def _find(self, connection: Connection, token: str, user: str | None) -> tuple[str, str]:
        if INVITE_TOKEN.is_well_formed(token):
            found = await invite_store.find_invite_of_token(connection, self._peppers.hashes_of(token), user)
            if found:
                return found
        raise _invalid()

    async def _admit(self, change: Change, organization: str, invite: str, candidate: Candidate) -> Candidate:
        connection, user = change.connection, change.caller.user
        before, after = await invite_store.use_invite(connection, organization, invite)
        role = Role(after.role)
        if candidate.member:
            was: MemberRow | None = await _member(connection, organization, candidate.member)
            member = candidate.member
            await admission_store.readmit_member(connection, organization, member, role, after.group)
        else:
            was, member = None, self._make_id("mem")
            await admission_store.add_member(connection, organization, member, user, role, after.group)
        await begin_member_limits(change, organization, member, after.member_limits)
        _record(change, before, after, was, await _member(connection, organization, member))
        return Candidate(candidate.email, member, "ACTIVE")


async def _revoke_others(change: Change, organization: str, email: str | None) -> None:
    """Revokes the invites for the address of a member. They have no effect now, and must not readmit the member later."""
    for before in await invite_store.pending_invites_for(change.connection, organization, email) if email else ():
        after = await invite_store.revoke_invite(change.connection, organization, before.invite)
        messages = (invite_message(before), invite_message(after))
        change.record(invite_name(after), *messages, group_path=after.group_path, organization=organization)


async def _member(connection: Connection, organization: str, member: str) -> MemberRow:
    return (await get_members(connection, organization, [member]))[member]


def _record(change: Change, before: InviteRow, after: InviteRow, was: MemberRow | None, member: MemberRow) -> None:
    invites = (invite_message(before), invite_message(after))
    members = (member_message(was) if was else None, member_message(member))
    where, path = after.organization, after.group_path
    change.record(invite_name(after), *invites, group_path=path, organization=where)
    change.record(member_name(member), *members, group_path=path, organization=where)


def _raise_unless_accepted(outcome: Outcome, standing: Standing, seats: Seats, organization: str) -> None:
    match outcome:
        case Outcome.INVALID:
            raise _invalid()
        case Outcome.ADDRESS_MISMATCH:
            # The message does not contain the address, because the link may have been found by someone else.
            message = "The invite is for another e-mail address. Sign in with the verified address that it was sent to."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.INVITE_ADDRESS_MISMATCH, message)
    if standing.organization_state != "ACTIVE":
        raise organization_inactive(standing.organization_state)
    match outcome:
        case Outcome.MEMBER_SUSPENDED:
            message = "You are suspended in this organization. An invite does not change that: ask one of its admins."
            raise AdminError(
                grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, {"state": "SUSPENDED"}
            )
        case Outcome.NO_SEAT:
            raise no_seat(organization, seats)


def no_seat(organization: str, seats: Seats) -> AdminError:
    """The error for a new member of an organization whose seats are all taken."""
    message = "Every seat of the organization is taken. Ask one of its admins to free a seat or raise the limit."
    guardrail = str(ResourceName(organization, GUARDRAILS, "organization"))
    quota = QuotaFailure(violations=[QuotaFailure.Violation(subject=guardrail, description=message)])
    return AdminError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorReason.SEAT_LIMIT_REACHED,
        message,
        {"seatLimit": str(seats.limit)},
        details=[quota],
    )


def _invalid() -> AdminError:
    """The error for every unusable token. It does not say what is wrong with the token."""
    message = "This invite cannot be used. Ask the sender for a new one."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.INVITE_INVALID, message)
