"""Which rules are inherited where, and who may override them."""

from collections.abc import Sequence

import grpc
from megarouter.admin.v1.notification_rule_pb2 import NotificationRule
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Actor, visibility
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.names import NOTIFICATION_RULES, ResourceName, parse_name
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.notification_rules import store
from admin_service.resources.notification_rules.messages import inherited_message, rule_message, rule_name
from admin_service.resources.notification_rules.store import RuleRow
from gateway_core.model.alerts.inheritance import effective_overrides, forbidding, scopes_around, speaker
from gateway_core.model.alerts.rules import Place
from gateway_core.model.organization.scopes import kinds_and_ids
from gateway_core.stores.postgres.connections import Connection


def visible_rules(actor: Actor) -> Condition:
    """Returns the condition for the rules of the actor's subtree, and for those that are inherited there."""
    own = visible_rows(visibility(actor), member=None, group_path=store.PATH)
    if not visibility(actor).group_path:
        return own
    above = Condition(
        "(r.includes_descendants AND (r.scope_kind = 'organization'"
        " OR (r.scope_kind = 'group' AND r.scope_id = ANY ({}::text[]))))",
        list(actor.group_path[:-1]),
    )
    return Condition(f"({own.text} OR {above.text})", *own.values, *above.values)


def rules_about(place: Place) -> Condition:
    """Returns the condition for the rules that speak of a place, or would without an override."""
    around = scopes_around(place)
    return Condition(
        "((r.scope_kind = {} AND r.scope_id = {}) OR (r.includes_descendants AND (r.scope_kind = 'organization' OR"
        " (r.scope_kind, r.scope_id) IN (SELECT * FROM unnest({}::text[], {}::text[])))))",
        place.scope.kind.value,
        place.scope.scope_id,
        *kinds_and_ids(around),
    )


def listed(row: RuleRow, actor: Actor, place: Place | None, rules: Sequence[RuleRow]) -> NotificationRule:
    """Returns a rule in a list.

    Args:
        row: the rule.
        actor: the caller.
        place: the scope that the list is for; None for the caller's subtree.
        rules: all of the organization, if the list is for a scope.
    """
    depth = len(visibility(actor).group_path or ())
    is_beyond = tuple(row.group_path[:depth]) != tuple(actor.group_path[:depth])
    is_inherited = is_beyond if place is None else row.place.scope != place.scope
    message = inherited_message(row) if is_beyond else rule_message(row)
    message.inherited_from = message.scope if is_inherited else ""
    if place is not None:
        stored = [one.stored for one in rules]
        root = next((one for one in stored if one.rule.rule_id == (row.settings.overrides or row.rule)), row.stored)
        said = speaker(root, place, stored).rule.rule_id
        if said != row.rule:
            message.overridden_by = str(ResourceName(row.organization, NOTIFICATION_RULES, said))
    return message


async def overridden_rule(connection: Connection, organization: str, text: str, place: Place, own_rule: str) -> str:
    """Returns the id of the rule whose place another one takes.

    Args:
        connection: in the transaction of the change.
        organization: its id.
        text: the name of the rule; empty for none.
        place: of the rule that takes its place.
        own_rule: the id of that rule; empty if it is new.

    Raises:
        AdminError: the rule is not inherited in the place, a rule above forbids it, or another rule has taken the place.
    """
    if not text:
        return ""
    name = parse_name(text)
    rows = {one.rule: one for one in await store.all_rules(connection, organization)}
    is_ours = name is not None and (name.organization, name.collection) == (organization, NOTIFICATION_RULES)
    upper = rows.get(str(name.resource_id)) if name is not None and is_ours else None
    if (
        upper is None
        or upper.settings.overrides
        or upper.place.scope == place.scope
        or not upper.stored.rule.speaks_of(place)
    ):
        problem = "must name a rule of a scope above that speaks of this scope, and that is no override itself"
        raise invalid_fields(FieldViolation("notification_rule.overrides", problem))
    family = [one for one in rows.values() if one.settings.overrides == upper.rule and one.rule != own_rule]
    taken = next((one for one in family if one.place.scope == place.scope), None)
    if taken is not None:
        raise _refused(taken, f"{rule_name(taken)} overrides {rule_name(upper)} there already. Change that one.")
    around = effective_overrides(upper.stored, [one.stored for one in family])
    if forbidding(place, upper.stored, around) is not None:
        raise _refused(upper, f"A rule above forbids that {rule_name(upper)} is overridden there.")
    return upper.rule


def _refused(row: RuleRow, message: str) -> AdminError:
    reason, metadata = ErrorReason.NOTIFICATION_OVERRIDE_REFUSED, {"rule": str(rule_name(row))}
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)
