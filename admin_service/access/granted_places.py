"""The place that an admin gives a role in, by an invite or a mapping of claims."""

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Role, Target, TargetKind, may_grant
from admin_service.access.tree_places import MAX_SHOWN, Place, find_place, not_grantable, require_fit, require_in_use
from gateway_core.stores.postgres.connections import Connection


async def granted_place(
    connection: Connection, caller: Caller, role: Role, group_name: str, permission: Permission
) -> Place:
    """Returns the place with this name, after checking that the caller may give the role there (INV-14).

    Args:
        connection: in a transaction that acts for the organization.
        caller: who gives the role.
        role: of whoever comes to the place.
        group_name: full name of a group; empty for the top of the organization.
        permission: what the caller needs there.

    Raises:
        AdminError: the caller may not give the role there, or the role does not fit. The error reveals nothing about a group
            that is out of the caller's reach.
    """
    place = await find_place(connection, caller.resource.organization, group_name, permission)
    reached = Target(place.organization, TargetKind.PERSON, place.path, None, Role.MEMBER)
    caller.require(permission, reached, group_name[:MAX_SHOWN] or place.name)
    if not may_grant(caller.actor, role, place.path):
        raise not_grantable(role, place)
    require_in_use(place)
    require_fit(role, place)
    return place
