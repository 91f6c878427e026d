"""Where somebody or something is to stand, as a request names it: a group of the organization, or none."""

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
    """A group, or what stands above all groups."""

    organization: str
    group: str | None = None
    """Id; None above all groups."""
    path: tuple[str, ...] = ()
    """From level 1 down to the group, itself included."""
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """Name of the group, or of the organization."""
        return str(ResourceName(self.organization, self.group and GROUPS, self.group))


async def find_place(connection: Connection, organization: str, group_name: str, permission: Permission) -> Place:
    """The place of that name. What the caller may do there is yet to be asked: a denial must look like this one.

    Args:
        connection: in a transaction that acts for the organization.
        organization: id.
        group_name: full name of a group; empty for the place above all groups.
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
    """For a place that something new is to stand in.

    Raises:
        AdminError: STATE_UNSUITABLE, the group is deleted.
    """
    if place.is_deleted:
        raise group_deleted(place.name)


def require_fit(role: Role, place: Place) -> None:
    """For a place that somebody with the role is to stand in.

    Raises:
        AdminError: ROLE_DOES_NOT_FIT_GROUP.
    """
    if not fits(role, place.path):
        raise role_does_not_fit(f"{role} cannot stand in {place.name}")


def group_deleted(name: object) -> AdminError:
    """The group is deleted, which is final."""
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.STATE_UNSUITABLE,
        f"{name} is deleted, which is final.",
        {"state": "DELETED"},
    )


def role_does_not_fit(problem: str) -> AdminError:
    """A role and a level do not go together."""
    rule = "an L1_ADMIN belongs to a group of level 1, a SUB_ADMIN to one of level 2 to 4, a SUPER_ADMIN to none"
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ROLE_DOES_NOT_FIT_GROUP, f"{problem}: {rule}.")


def not_grantable(role: Role, place: Place) -> AdminError:
    """For who may not give somebody the role there (INV-14)."""
    message = f"You may not make anybody a {role} of {place.name}: it is not below your own role."
    metadata = {"role": role.value}
    return AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.ROLE_NOT_GRANTABLE, message, metadata)
