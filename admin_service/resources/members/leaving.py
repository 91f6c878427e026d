"""A member leaves an organization by themselves."""

from typing import Final

from admin_service.access.authorization import UserCaller
from admin_service.access.directory import find_actor
from admin_service.access.permissions import Permission
from admin_service.api.errors import permission_denied
from admin_service.api.names import ResourceName
from admin_service.resources.members import store as member_store
from admin_service.resources.members.changes import require_super_admin_besides
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change

_PERSONAL: Final = "A personal account cannot be left. Leave an organization."


async def leave(change: Change, organization: str) -> None:
    """Ends the caller's membership and deletes their keys. The transaction acts for the organization afterward.

    Raises:
        AdminError: PERMISSION_DENIED, the caller is no active member; PERSONAL_ACCOUNT; LAST_SUPER_ADMIN.
    """
    caller: UserCaller = change.caller
    await change.act_for(organization)
    # Again, now that no other change of the organization can come between.
    actor = await find_actor(change.connection, caller.user, organization, Permission.ACCOUNTS_LEAVE)
    if actor is None:
        raise permission_denied(Permission.ACCOUNTS_LEAVE, str(ResourceName(organization)))
    await refuse_in_personal_account(change.connection, organization, _PERSONAL)
    before = (await member_store.get_members(change.connection, organization, [actor.member]))[actor.member]
    await require_super_admin_besides(change.connection, organization, [before])
    await member_store.set_member_state(change.connection, organization, [actor.member], "REMOVED")
    after = (await member_store.get_members(change.connection, organization, [actor.member]))[actor.member]
    messages = (member_message(before), member_message(after))
    change.record(member_name(before), *messages, group_path=before.group_path, organization=organization)
