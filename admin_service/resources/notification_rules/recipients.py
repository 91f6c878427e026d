"""To whom a rule may speak: members and channels that exist, in the subtree of who keeps the rule."""

from collections.abc import Iterable
from typing import Final

from megarouter.admin.v1.notification_rule_pb2 import NotificationRecipient

from admin_service.access.authorization import Caller
from admin_service.access.directory import find_target
from admin_service.access.permissions import Permission, Target, TargetKind, visibility
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import FieldViolation, invalid_fields, permission_denied
from admin_service.api.names import MEMBERS, NOTIFICATION_CHANNELS, ResourceName, parse_name
from admin_service.resources.notification_rules.messages import AUDIENCE
from gateway_core.model.alerts.rules import Place
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.connections import Connection

_WRITE: Final = Permission.NOTIFICATION_RULES_WRITE
_IS_HERE: Final = (
    "SELECT state <> 'REMOVED' AND user_id IS NOT NULL FROM members WHERE organization_id = $1 AND member_id = $2"
)


async def checked_recipient(
    connection: Connection, caller: Caller, place: Place, recipient: NotificationRecipient, field: str
) -> dict[str, str]:
    """Returns a recipient as it is stored.

    Args:
        connection: in the transaction of the change.
        caller: who keeps the rule.
        place: of the rule's scope.
        recipient: names an audience, a member or a channel.
        field: where the request has it.

    Raises:
        AdminError: there is no such recipient. For admins of groups, PERMISSION_DENIED, the same for one beyond their subtree.
    """
    kind = recipient.WhichOneof("recipient")
    if kind == "audience":
        return {"kind": NotificationRecipient.Audience.Name(recipient.audience).removeprefix(AUDIENCE)}
    text = recipient.member if kind == "member" else recipient.channel
    name = parse_name(text)
    collection = MEMBERS if kind == "member" else NOTIFICATION_CHANNELS
    is_ours = name is not None and (name.organization, name.collection) == (caller.resource.organization, collection)
    target = await find_target(connection, name) if name is not None and is_ours else None
    if target is None or name is None:
        if visibility(caller.actor).group_path == ():
            raise invalid_fields(FieldViolation(f"{field}.{kind}", f"names no {kind} of the organization"))
        raise permission_denied(_WRITE, text[:MAX_SHOWN])
    require_in_subtree(caller, target, text, _WRITE)
    resource_id = str(name.resource_id)
    if kind == "channel":
        return {"kind": "CHANNEL", "id": resource_id}
    if not await connection.fetchval(_IS_HERE, name.organization, resource_id):
        raise invalid_fields(
            FieldViolation(f"{field}.member", "names somebody who has left the organization, or no person")
        )
    stored = {"kind": "MEMBER", "id": resource_id}
    group = place.scope.scope_id if place.scope.kind is ScopeKind.GROUP else ""
    return {**stored, "group": group} if group in target.group_path else stored


def with_former_groups(recipients: Iterable[dict[str, str]], former: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Returns recipients with the groups in which a rule named them before: a later change does not bring back who has left."""
    groups = {one["id"]: one["group"] for one in former if one.get("group")}
    return [{**one, "group": groups[one["id"]]} if one.get("id", "") in groups else one for one in recipients]


async def required_target(
    connection: Connection, caller: Caller, name: ResourceName, text: str, permission: Permission
) -> Target:
    """Returns where a resource is, after checking that the caller has the permission about it: it exists, in the caller's subtree.

    Raises:
        AdminError: PERMISSION_DENIED.
    """
    target = await find_target(connection, name)
    if target is None:
        raise permission_denied(permission, text[:MAX_SHOWN])
    require_in_subtree(caller, target, text, permission)
    return target


def require_in_subtree(caller: Caller, target: Target, text: str, permission: Permission) -> None:
    """Checks that the caller has the permission about the spend of a resource.

    Raises:
        AdminError: PERMISSION_DENIED.
    """
    caller.require(permission, Target(target.organization, TargetKind.SPEND, target.group_path), text[:MAX_SHOWN])
