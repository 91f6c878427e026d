"""Carries out one row: changes a member, or invites an address."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import grpc
from megarouter.admin.v1.invite_pb2 import CreateInviteResponse, Invite
from megarouter.admin.v1.member_pb2 import ChangeMemberRoleRequest, MemberRow, MemberRowResult
from megarouter.type.v1.error_reason_pb2 import ErrorReason
from megarouter.type.v1.role_pb2 import Role

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target, TargetKind, may
from admin_service.access.permissions import Role as RoleName
from admin_service.access.role_messages import role_of
from admin_service.api.errors import AdminError
from admin_service.api.etags import check_etag
from admin_service.resources.guardrails.member_limits import (
    LimitValues,
    limit_values,
    member_guardrail,
    member_limits_message,
    require_settable,
    set_member_limits,
)
from admin_service.resources.guardrails.store import Settings
from admin_service.resources.invites.messages import group_name, invite_message, invite_name
from admin_service.resources.invites.store import InviteRow, revoke_invite
from admin_service.resources.member_imports.differences import begins_with, limit_changes
from admin_service.resources.member_imports.differences import change as changed
from admin_service.resources.member_imports.present_state import PresentState
from admin_service.resources.members import changes as member_changes
from admin_service.resources.members.messages import member_name
from admin_service.resources.members.store import MemberRow as StoredMember
from admin_service.serving.change_transaction import Change

_CHANGE, _INVITE, _NONE = MemberRowResult.ACTION_CHANGE, MemberRowResult.ACTION_INVITE, MemberRowResult.ACTION_NONE


class InviteIssue(Protocol):
    """Creates invites, as `InvitesApi.issue` does."""

    def __call__(
        self, change: Change, wanted: Invite, emails: Sequence[str], *, allow_unknown_models: bool = False
    ) -> Awaitable[Sequence[CreateInviteResponse]]:
        """Creates an invite for each address."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row asks for."""

    row: MemberRow
    group: str | None
    """Name of the group, empty for none; None if the row does not say."""
    allow_unknown_models: bool

    @property
    def email(self) -> str:
        """The address in lower case."""
        return self.row.email.strip().lower()

    @property
    def limits(self) -> LimitValues:
        """The limits to set or remove."""
        return limit_values(self.row.limits, self.row.removed_limits)


async def carry_out(change: Change, present: PresentState, asked: Asked, issue: InviteIssue) -> MemberRowResult:
    """Does what the row asks for.

    Raises:
        AdminError: the row cannot be carried out.
    """
    member = present.members.get(asked.email)
    if member is not None:
        return await _changed_member(change, present, member, asked)
    return await _invited(change, present, asked, issue)


async def _changed_member(change: Change, present: PresentState, member: StoredMember, asked: Asked) -> MemberRowResult:
    caller: Caller = change.caller
    if not may(caller.actor, Permission.MEMBERS_READ, member.target):
        message = f"{asked.email} is already a member of the organization. Ask a Super Admin to change them."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ALREADY_MEMBER, message)
    check_etag(asked.row.etag, member.etag)
    result = MemberRowResult(action=_NONE, member=str(member_name(member)))
    role = role_of(asked.row.role) if asked.row.role else RoleName(member.role)
    present_group = group_name(member.organization, member.group)
    group = present_group if asked.group is None else asked.group
    if asked.group is None and role is RoleName.SUPER_ADMIN:
        group = ""  # a Super Admin is in no group
    result.changes.extend(changed("role", member.role, role))
    result.changes.extend(changed("group", _path(present, present_group), _path(present, group)))
    if result.changes:
        request = ChangeMemberRoleRequest(
            name=result.member, role=Role.Value(f"ROLE_{role}"), group=group, etag=member.etag
        )
        await member_changes.change_role(change, request)
    result.changes.extend(await _changed_limits(change, member, asked))
    if result.changes:
        result.action = _CHANGE
    return result


async def _changed_limits(change: Change, member: StoredMember, asked: Asked) -> Sequence[MemberRowResult.Change]:
    values = asked.limits
    if not values:
        return ()
    guardrail = await member_guardrail(change.connection, member.organization, member.member)
    # As the caller may act on the member as they were: what the row changed before does not take the right away.
    settings = await require_settable(
        change, member.target, guardrail.settings, values, allow_unknown_models=asked.allow_unknown_models
    )
    await set_member_limits(change, guardrail, settings)
    return list(limit_changes(guardrail.settings, settings))


async def _invited(change: Change, present: PresentState, asked: Asked, issue: InviteIssue) -> MemberRowResult:
    pending = present.pending.get(asked.email, ())
    role = asked.row.role or Role.ROLE_MEMBER
    group = asked.group or ""
    limits = {name: value for name, value in asked.limits.items() if value is not None}
    for invite in pending:
        is_same = invite.role == role_of(role) and group_name(invite.organization, invite.group) == group
        if is_same and begins_with(invite.member_limits, limits):
            return MemberRowResult(action=_NONE, invite=str(invite_name(invite)))
    for invite in pending:
        await _revoke(change, invite)
    wanted = Invite(role=role, group=group, member_limits=member_limits_message(limits))
    (issued,) = await issue(change, wanted, [asked.email], allow_unknown_models=asked.allow_unknown_models)
    result = MemberRowResult(action=_INVITE, invite=issued.invite.name, token=issued.token, link=issued.link)
    result.changes.extend(changed("role", "", role_of(role)))
    result.changes.extend(changed("group", "", _path(present, group)))
    result.changes.extend(limit_changes(Settings(), replace(Settings(), **limits)))
    return result


def _path(present: PresentState, group: str) -> str:
    """Returns the path of a group, given by its name, as people write it."""
    return present.groups.text_of(group.rpartition("/")[2] or None)


async def _revoke(change: Change, invite: InviteRow) -> None:
    """Revokes an invite that the row replaces, if the caller may."""
    path = tuple(invite.group_path)
    target = Target(invite.organization, TargetKind.PERSON, path, None, RoleName(invite.role))
    change.caller.require(Permission.INVITES_WRITE, target, invite_name(invite))
    after = await revoke_invite(change.connection, invite.organization, invite.invite)
    change.record(invite_name(invite), invite_message(invite), invite_message(after), group_path=path)
