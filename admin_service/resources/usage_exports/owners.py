"""Whose an export is, and who may have its file."""

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Actor, Permission, Target
from admin_service.analytics.query import Reach
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.names import USAGE_EXPORTS, ResourceName
from admin_service.resources.analytics.questions import reach_of
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.making import actor_of
from admin_service.resources.usage_exports.store import ExportRow
from gateway_core.stores.postgres.connections import Connection


async def named_export(connection: Connection, caller: Caller) -> ExportRow:
    """Returns the export that a request names.

    Raises:
        AdminError: NOT_FOUND, the caller has no such export.
    """
    return await own_export(connection, caller, caller.resource.organization, str(caller.resource.resource_id))


async def own_export(connection: Connection, caller: Caller, organization: str, export: str) -> ExportRow:
    """Returns an export of the caller.

    Raises:
        AdminError: NOT_FOUND, the same for one of somebody else and one that does not exist.
    """
    row = await store.get_export(connection, organization, export)
    if row is None or row.requester != requester_of(caller):
        name = ResourceName(organization, USAGE_EXPORTS, export)
        message = f"You have no export {name}: it was never yours, was deleted, or has expired."
        raise AdminError(grpc.StatusCode.NOT_FOUND, ErrorReason.EXPORT_NOT_FOUND, message)
    return row


async def downloadable(connection: Connection, caller: Caller) -> ExportRow:
    """Returns the export that a request names, if the caller can have its file.

    Raises:
        AdminError: NOT_FOUND, there is no file; PERMISSION_DENIED, the caller may no longer see what is in it.
    """
    row = await named_export(connection, caller)
    # Who has lost rights since then, or uses a token with fewer, gets no file of before.
    caller.require(Permission.USAGE_READ, Target(row.organization), caller.resource)
    if not still_sees(caller.actor, row):
        raise permission_denied(Permission.USAGE_READ, str(caller.resource))
    if row.state != "SUCCEEDED":
        message = f"The export has no file; its state is {row.state}."
        raise AdminError(grpc.StatusCode.NOT_FOUND, ErrorReason.EXPORT_NOT_FOUND, message)
    return row


def requester_of(caller: Caller) -> str:
    """Returns who owns what the caller asks for: a person, or a credential."""
    return f"credentials/{caller.actor.member}" if caller.actor.is_credential else f"users/{caller.user}"


def still_sees(actor: Actor, row: ExportRow) -> bool:
    """Whether the requester, as they are now, sees all that is in the file."""
    return reach_of(actor) in {Reach(), reach_of(actor_of(row))}
