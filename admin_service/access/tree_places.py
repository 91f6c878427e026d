"""Places in the tree that a request names: a group of the organization, or the organization itself."""

from dataclasses import dataclass
from typing import Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Permission, Role, fits
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.names import GROUPS, ResourceName, parse_name
from gateway_core.stores.postgres.connections import Connection

MAX_SHOWN: Final = 200
_FIND: Final = "SELECT path, delete_time IS NOT NULL FROM groups WHERE organization_id = $1 AND group_id = $2"


@dataclass(frozen=True, slots=True)
class Place:
    """A group, or the top of the organization, above all groups."""

    organization: str
    group: str | None = None
    """Id of the group; None at the top."""
    path: tuple[str, ...] = ()
    """Group ids from level 1 down to this group, included."""
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """Resource name of the group, or of the organization."""
        return str(ResourceName(self.organization, self.group and GROUPS, self.group))


async def find_place(connection: Connection, organization: str, group_name: str, permission: Permission) -> Place:
    """Returns the place with this name. Check the caller's rights there next, and fail with the same denial as this function.

    Args:
        connection: in a transaction that acts for the organization.
        organization: id.
        group_name: full name of a group; empty for the top of the organization.
        permission: what the caller needs there.

    Raises:
        AdminError: PERMISSION_DENIED, there is no such group in the organization.
    """
    if not group_name:
        return Place(organization)
    name = parse_name(group_name)
    if name and (name.organization, name.collection) == (organization, GROUPS):
        row = await connection.fetchrow(_FIND, organization, name.resource_id)
        if row:
            return Place(organization, name.resource_id, tuple(row[0]), row[1])
    raise permission_denied(permission, group_name[:MAX_SHOWN])


def require_in_use(place: Place) -> None:
    """Checks that the group still exists, before something is put into it.

    Raises:
        AdminError: STATE_UNSUITABLE, the group is deleted.
    """
    if place.is_deleted:
        raise group_deleted(place.name)


def require_fit(role: Role, place: Place) -> None:
    """Checks that a member with the role can be in the place.

    Raises:
        AdminError: ROLE_DOES_NOT_FIT_GROUP.
    """
    if not fits(role, place.path):
        raise role_does_not_fit(f"{role} does not fit {place.name}")


def group_deleted(name: object) -> AdminError:
    """The error for a deleted group. A deletion is final."""
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.STATE_UNSUITABLE,
        f"{name} is deleted and cannot be restored.",
        {"state": "DELETED"},
    )


def role_does_not_fit(problem: str) -> AdminError:
    """The error for a role that does not fit the level of its group."""
    rule = "an L1_ADMIN belongs to a group of level 1, a SUB_ADMIN to one of level 2 to 4, a SUPER_ADMIN to none"
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ROLE_DOES_NOT_FIT_GROUP, f"{problem}: {rule}.")


def not_grantable(role: Role, place: Place) -> AdminError:
    """The error for a caller who may not grant the role in the place (INV-14)."""
    message = (
        f"You may not grant {role} in {place.name}. You can grant only roles below your own, inside your own group."
    )
    metadata = {"role": role.value}
    return AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.ROLE_NOT_GRANTABLE, message, metadata)
