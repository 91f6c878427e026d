"""What the creator of a schedule may do now."""

from typing import Final

from admin_service.access.directory import find_actor, find_credential
from admin_service.access.permissions import Actor, Permission, Role, Target, is_below, may
from admin_service.resources.export_schedules.store import ScheduleRow
from gateway_core.stores.postgres.connections import Connection

CREATOR_GONE: Final = "CREATOR_GONE"
RIGHTS_LOST: Final = "RIGHTS_LOST"
NEEDED: Final = (Permission.USAGE_EXPORTS_WRITE, Permission.USAGE_READ)
_CREDENTIAL: Final = """
SELECT permissions FROM credentials
 WHERE organization_id = $1 AND credential_id = $2 AND revoke_time IS NULL AND expire_time > now()
"""
_OF_CREDENTIALS: Final = "credentials/"


async def present_creator(connection: Connection, row: ScheduleRow) -> Actor | str:
    """Returns the creator as they are now, or the reason why the schedule may not run for them."""
    if row.requester.startswith(_OF_CREDENTIALS):
        return await _credential(connection, row, row.requester.removeprefix(_OF_CREDENTIALS))
    actor = await find_actor(connection, row.user, row.organization, Permission.USAGE_READ)
    if actor is None:
        return CREATOR_GONE
    target = Target(row.organization)
    is_allowed = all(may(actor, permission, target) for permission in NEEDED)
    return RIGHTS_LOST if is_below(actor.role, Role(row.role)) or not is_allowed else actor


async def _credential(connection: Connection, row: ScheduleRow, credential: str) -> Actor | str:
    permissions = await connection.fetchval(_CREDENTIAL, row.organization, credential)
    actor = await find_credential(connection, credential, row.organization, Permission.USAGE_READ)
    if permissions is None or actor is None:
        return CREATOR_GONE
    return actor if {*NEEDED} <= {Permission(permission) for permission in permissions} else RIGHTS_LOST
