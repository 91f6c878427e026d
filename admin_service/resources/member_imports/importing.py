"""Serves `Members.ImportMembers`. The change holds the lock of the organization.

Rows are carried out one after another, each with the checks of the single RPCs. A row that fails is undone alone, so all errors
are found. If there is one, the whole import is undone. A rehearsal is the same import, undone at the end, so it predicts exactly.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import grpc
from megarouter.admin.v1 import group_pb2, member_pb2
from megarouter.admin.v1.group_pb2 import Group
from megarouter.admin.v1.member_pb2 import MemberRow, MemberRowResult
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.validation import is_email
from admin_service.resources.member_imports.group_paths import AmbiguousGroupError, GroupTree, KnownGroup, id_of_name
from admin_service.resources.member_imports.present_state import PresentState, read_present_state
from admin_service.resources.member_imports.rows import Asked, InviteIssue, carry_out
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change

CreateGroup = Callable[[group_pb2.CreateGroupRequest, Change], Awaitable[Group]]
_MAX_SHOWN: Final = 100


class MemberImports:
    """Imports members. `issue` creates invites and `create_group` groups, with all checks."""

    def __init__(self, issue: InviteIssue, create_group: CreateGroup) -> None:
        self._issue = issue
        self._create_group = create_group

    async def run(self, request: member_pb2.ImportMembersRequest, change: Change) -> member_pb2.ImportMembersResponse:
        """ImportMembers carries out all rows, or none if one has an error."""
        caller: Caller = change.caller
        await refuse_in_personal_account(change.connection, caller.resource.organization)
        emails = [row.email.strip().lower() for row in request.rows]
        present = await read_present_state(change.connection, caller.actor, emails)
        async with change.attempt(keep=not request.validate_only):
            response = await self._all(request, change, present)
            errors = [result for result in response.results if result.action == MemberRowResult.ACTION_ERROR]
            if errors and not request.validate_only:
                raise _has_errors(response.results)
        if request.validate_only:
            return _without_secrets(response, issued=False)
        change.repeat_answer = _without_secrets(response, issued=True)
        return response

    async def _all(
        self, request: member_pb2.ImportMembersRequest, change: Change, present: PresentState
    ) -> member_pb2.ImportMembersResponse:
        response = member_pb2.ImportMembersResponse()
        seen: dict[str, int] = {}
        for number, row in enumerate(request.rows):
            made: list[KnownGroup] = []
            try:
                async with change.attempt():
                    _check_address(row, seen, number)
                    group = await self._group(request, change, present.groups, row, made)
                    asked = Asked(row, group, allow_unknown_models=request.allow_unknown_models)
                    result = await carry_out(change, present, asked, self._issue)
            except AdminError as error:
                for one in reversed(made):
                    present.groups.remove(one)
                result = MemberRowResult(
                    action=MemberRowResult.ACTION_ERROR, reason=ErrorReason.Name(error.reason), message=error.message
                )
            else:
                response.created_groups.extend(f"{request.parent}/groups/{one.group}" for one in made)
            result.email = row.email
            response.results.append(result)
        return response

    async def _group(
        self,
        request: member_pb2.ImportMembersRequest,
        change: Change,
        tree: GroupTree,
        row: MemberRow,
        made: list[KnownGroup],
    ) -> str | None:
        """Returns the name of the row's group, empty for none; None if the row does not say. Notes created groups in `made`."""
        if not row.HasField("group_path") or not row.group_path.strip():
            return "" if row.HasField("group_path") else None
        try:
            found = tree.find(row.group_path)
        except (AmbiguousGroupError, ValueError) as error:
            raise invalid_fields(FieldViolation("group_path", str(error))) from error
        if found.missing and not request.create_missing_groups:
            message = (
                f"there is no group {row.group_path!r} that you may see: create it first, or let the import create"
                " missing groups"
            )
            raise invalid_fields(FieldViolation("group_path", message))
        group = found.group
        for name in found.missing:
            group = await self._created(request.parent, change, group, name)
            tree.add(group)
            made.append(group)
        return f"{request.parent}/groups/{group.group}" if group else ""

    async def _created(self, parent: str, change: Change, above: KnownGroup | None, name: str) -> KnownGroup:
        caller: Caller = change.caller
        caller.require(Permission.GROUPS_WRITE, Target(caller.resource.organization), parent)
        group = Group(display_name=name, parent_group=f"{parent}/groups/{above.group}" if above else "")
        made = await self._created_by_name(group_pb2.CreateGroupRequest(parent=parent, group=group), change)
        return KnownGroup(_id(made.name), tuple(map(_id, made.path)), made.display_name)

    async def _created_by_name(self, request: group_pb2.CreateGroupRequest, change: Change) -> Group:
        """Creates a group whose id is its name, or a generated id if that is taken or the name has none."""
        if request_id := id_of_name(request.group.display_name):
            named = group_pb2.CreateGroupRequest(parent=request.parent, group=request.group, group_id=request_id)
            try:
                return await self._create_group(named, change)
            except AdminError as error:
                if error.reason != ErrorReason.ALREADY_EXISTS:
                    raise
        return await self._create_group(request, change)


def _check_address(row: MemberRow, seen: dict[str, int], number: int) -> None:
    """Checks that the address is one, and in no row before.

    Raises:
        AdminError: FIELD_INVALID.
    """
    address = row.email.strip().lower()
    if not is_email(address):
        raise invalid_fields(FieldViolation("email", f"{row.email[:_MAX_SHOWN]!r} is not an e-mail address"))
    if address in seen:
        raise invalid_fields(FieldViolation("email", f"{address} is also in rows[{seen[address]}]: keep one of them"))
    seen[address] = number


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _has_errors(results: Sequence[MemberRowResult]) -> AdminError:
    errors = [(number, one) for number, one in enumerate(results) if one.action == MemberRowResult.ACTION_ERROR]
    violations = [FieldViolation(f"rows[{number}]", f"{one.email}: {one.message}") for number, one in errors]
    message = (
        f"{len(errors)} of {len(results)} rows cannot be carried out, so nothing was changed. Correct or leave out these rows;"
        " validate_only lists all of them."
    )
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.IMPORT_HAS_ERRORS,
        message,
        {"errorCount": str(len(errors))},
        violations[:_MAX_SHOWN],
    )


def _without_secrets(response: member_pb2.ImportMembersResponse, *, issued: bool) -> member_pb2.ImportMembersResponse:
    """Returns the response without tokens and links. Those of a rehearsal would belong to no invite."""
    shown = member_pb2.ImportMembersResponse()
    shown.CopyFrom(response)
    for result in shown.results:
        fields: Iterable[Any] = ("token", "link") if issued else ("token", "link", *_unless_pending(result))
        for field in fields:
            result.ClearField(field)
    shown.secrets_already_issued = issued
    if not issued:
        del shown.created_groups[:]
    return shown


def _unless_pending(result: MemberRowResult) -> Iterable[str]:
    return ("invite",) if result.action == MemberRowResult.ACTION_INVITE else ()
