"""Makes somebody a member who cannot sign in yet, and therefore cannot accept an invite."""

from collections.abc import Callable, Iterable
from typing import Final

from megarouter.admin.v1.sign_in_link_pb2 import CreateSignInLinkRequest, NewMember

from admin_service.access.permissions import Permission, Role, Target, TargetKind, is_below, may_grant
from admin_service.access.role_messages import role_of
from admin_service.access.tree_places import MAX_SHOWN, find_place, not_grantable, require_fit, require_in_use
from admin_service.api.errors import FieldViolation
from admin_service.resources.invites.acceptance import no_seat
from admin_service.resources.invites.acceptance_store import add_member, seats_of
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.members.store import MemberRow, get_members
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change

# Without an address, because none is verified.
_ADD_USER: Final = "INSERT INTO users (user_id, display_name) VALUES ($1, $2)"


async def add_new_member(change: Change, wanted: NewMember, make_id: Callable[[str], str]) -> MemberRow:
    """Creates a user and a member, after checking that the caller may add one with a lower role there (INV-14).

    Raises:
        AdminError: PERMISSION_DENIED, ROLE_NOT_GRANTABLE, ROLE_DOES_NOT_FIT_GROUP, STATE_UNSUITABLE, SEAT_LIMIT_REACHED or
            PERSONAL_ACCOUNT.
    """
    connection, caller = change.connection, change.caller
    organization, role = caller.resource.organization, role_of(wanted.role)
    await refuse_in_personal_account(connection, organization)
    place = await find_place(connection, organization, wanted.group, Permission.INVITES_WRITE)
    reached = Target(organization, TargetKind.PERSON, place.path, None, Role.MEMBER)
    for permission in (Permission.SIGN_IN_LINKS_WRITE, Permission.INVITES_WRITE):
        caller.require(permission, reached, wanted.group[:MAX_SHOWN] or place.name)
    if not (may_grant(caller.actor, role, place.path) and is_below(role, caller.actor.role)):
        raise not_grantable(role, place)
    require_in_use(place)
    require_fit(role, place)
    seats = await seats_of(connection, organization)
    if not seats.has_free:
        raise no_seat(organization, seats)
    user, member = make_id("user"), make_id("mem")
    await connection.execute(_ADD_USER, user, wanted.display_name)
    await add_member(connection, organization, member, user, role, place.group)
    row = (await get_members(connection, organization, [member]))[member]
    change.record(member_name(row), None, member_message(row), group_path=row.group_path)
    return row


def check_create(request: CreateSignInLinkRequest) -> Iterable[FieldViolation]:
    """Checks a request for a link: it is for one member, present or new."""
    wanted = request.sign_in_link
    if bool(wanted.member) == wanted.HasField("new_member"):
        yield FieldViolation("sign_in_link.member", "either this or new_member is required, and not both")
    if not wanted.new_member.display_name.isprintable():
        yield FieldViolation("sign_in_link.new_member.display_name", "must not contain control characters")
