"""The commands of `megarouter alerts` about rules."""

from collections.abc import Sequence
from typing import Annotated, Final

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateNotificationRuleRequest,
    DeleteNotificationRuleRequest,
    ListNotificationRulesRequest,
    NotificationConditions,
    NotificationRecipient,
    NotificationRule,
    UpdateNotificationRuleRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits, parse_credits
from megarouter_admin.command_line.values.names import Collection, scope_name, short_name, short_scope

application = Section()

RuleArgument = Annotated[str, Argument(metavar="RULE", text="Its id or name.")]
_AUDIENCES: Final = {
    "owner": NotificationRecipient.AUDIENCE_OWNER,
    "group-admins": NotificationRecipient.AUDIENCE_GROUP_ADMINS,
    "super-admins": NotificationRecipient.AUDIENCE_SUPER_ADMINS,
}


def _thresholds(rule: NotificationRule) -> str:
    amounts = [f"{format_credits(amount)} credits" for amount in rule.threshold_nano_credits]
    return ", ".join([*(f"{percent} %" for percent in rule.threshold_percents), *amounts])


def _recipients(rule: NotificationRule) -> str:
    return ", ".join(map(_recipient, rule.recipients))


def _recipient(one: NotificationRecipient) -> str:
    if one.member or one.channel:
        return short_scope(one.member or one.channel).replace(Collection.NOTIFICATION_CHANNELS, "channels")
    return label(NotificationRecipient.Audience.Name(one.audience), "AUDIENCE_")


def _scope(rule: NotificationRule) -> str:
    return short_scope(rule.scope) + ("" if rule.only_scope else " and below")


def _facts(session: Session, rule: NotificationRule) -> list[tuple[str, str]]:
    return [
        ("rule", rule.name),
        ("name", rule.display_name),
        ("about", _scope(rule)),
        ("events", ", ".join(rule.event_types)),
        ("at", _thresholds(rule)),
        ("when", ", ".join(f"{field.name}={value}" for field, value in rule.conditions.ListFields())),
        ("to", _recipients(rule)),
        ("state", "off" if rule.disabled else "on"),
        ("changed", session.ago(rule.update_time)),
    ]


@command(application, "rules", "alerts rules")
def list_rules(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List which alerts go to whom."""
    request = ListNotificationRulesRequest(parent=session.organization, filter=filter_text)
    found = session.listed(
        session.router.notification_rules.ListNotificationRules, request, "notification_rules", limit
    )
    columns = [
        Column[NotificationRule]("rule", lambda one: short_name(one.name)),
        Column[NotificationRule]("name", lambda one: one.display_name),
        Column[NotificationRule]("about", _scope),
        Column[NotificationRule]("at", _thresholds),
        Column[NotificationRule]("to", _recipients),
        Column[NotificationRule]("state", lambda one: "off" if one.disabled else "on"),
    ]
    session.output.rows(columns, found, "no rules")


@command(
    application,
    "add-rule",
    "alerts add-rule Team --scope groups/research --at 50% --at 75% --to owner --to channels/channel-01abc",
    "alerts add-rule Spend --at 500 --to super-admins --to members/emma@example.com",
    "alerts add-rule Credit --event credit.low --when credit_left_days=14 --to super-admins",
)
def add_rule(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What people call it.")],
    to: Annotated[
        list[str],
        Option(
            "--to",
            metavar="WHO",
            text="owner, group-admins, super-admins, members/ID or channels/ID; may be repeated.",
        ),
    ],
    scope: Annotated[
        str, Option(metavar="SCOPE", text="organization, groups/ID, members/ID, service-accounts/ID or keys/ID.")
    ] = "organization",
    at: Annotated[
        list[str] | None,
        Option("--at", metavar="THRESHOLD", text="A share of a budget, 80%, or credits, 500; may be repeated."),
    ] = None,
    event: Annotated[
        list[str] | None,
        Option("--event", metavar="TYPE", text="Such as credit.low; may be repeated. Default: those of budgets."),
    ] = None,
    when: Annotated[
        list[str] | None,
        Option("--when", metavar="CONDITION", text="Such as unused_days=30; may be repeated."),
    ] = None,
    *,
    only: Annotated[bool, Option("--only", text="Only about the scope itself, not about what is inside it.")] = False,
) -> None:
    """Add a rule: which events are reported to whom."""
    percents, amounts = _parsed(at or [])
    rule = NotificationRule(
        display_name=name,
        scope=scope_name(session.organization, session.scope(scope)),
        only_scope=only,
        threshold_percents=percents,
        threshold_nano_credits=amounts,
        recipients=[_named(session, one) for one in to],
        event_types=event or [],
        conditions=_conditions(when or []),
    )
    request = CreateNotificationRuleRequest(parent=session.organization, notification_rule=rule)
    made = session.router.notification_rules.CreateNotificationRule(request)
    session.output.one(made, _facts(session, made))


@command(application, "switch-rule", "alerts switch-rule budgets --off", "alerts switch-rule budgets")
def switch_rule(
    session: Session, rule: RuleArgument, *, off: Annotated[bool, Option("--off", text="Off instead of on.")] = False
) -> None:
    """Switch a rule on or off."""
    changed = NotificationRule(name=session.name(Collection.NOTIFICATION_RULES, rule), disabled=off)
    request = UpdateNotificationRuleRequest(notification_rule=changed, update_mask=FieldMask(paths=["disabled"]))
    made = session.router.notification_rules.UpdateNotificationRule(request)
    session.output.one(made, _facts(session, made))


@command(application, "remove-rule", "alerts remove-rule rule-01abc --yes")
def remove_rule(session: Session, rule: RuleArgument, *, yes: YesOption = False) -> None:
    """Delete a rule. Its alerts stay in the inboxes."""
    name = session.name(Collection.NOTIFICATION_RULES, rule)
    confirm(f"Delete {name}?", yes=yes)
    gone = session.router.notification_rules.DeleteNotificationRule(DeleteNotificationRuleRequest(name=name))
    session.output.one(gone, _facts(session, gone))


def _parsed(texts: Sequence[str]) -> tuple[list[int], list[int]]:
    """Returns percents and amounts in nano-credits."""
    percents, amounts = [], []
    for text in texts:
        share = text.strip().removesuffix("%").strip()
        if share == text.strip():
            amounts.append(parse_credits(text))
        elif share.isdecimal():
            percents.append(int(share))
        else:
            raise ValueError(f"{text!r} is not a threshold: write whole percents such as 80%, or credits such as 500")
    return percents, amounts


def _conditions(texts: Sequence[str]) -> NotificationConditions:
    """Returns conditions such as `unused_days=30`. Amounts are credits."""
    conditions = NotificationConditions()
    for text in texts:
        name, _, value = text.partition("=")
        if name == "credit_left":
            conditions.credit_left_nano_credits = parse_credits(value)
        elif name in NotificationConditions.DESCRIPTOR.fields_by_name and value.isdecimal():
            setattr(conditions, name, int(value))
        else:
            known = ", ".join(["credit_left", *list(NotificationConditions.DESCRIPTOR.fields_by_name)[1:]])
            raise ValueError(f"{text!r} is no condition: write NAME=NUMBER, where NAME is one of {known}")
    return conditions


def _named(session: Session, text: str) -> NotificationRecipient:
    if text in _AUDIENCES:
        return NotificationRecipient(audience=_AUDIENCES[text])
    collection, _, name = text.partition("/")
    if collection == "members" and name:
        return NotificationRecipient(member=session.member(name))
    if collection == "channels" and name:
        return NotificationRecipient(channel=session.name(Collection.NOTIFICATION_CHANNELS, name))
    raise ValueError(f"{text!r} is no recipient: write {', '.join(_AUDIENCES)}, members/ID or channels/ID")
