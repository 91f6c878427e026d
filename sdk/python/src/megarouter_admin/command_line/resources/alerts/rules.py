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
from megarouter_admin.command_line.resources.alerts.schedules import (
    FrequencyChoice,
    SeverityChoice,
    frequency_text,
    quiet_hours,
    quiet_hours_text,
    severity_text,
)
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits, parse_credits
from megarouter_admin.command_line.values.names import Collection, scope_name, short_name, short_scope

application = Section()

RuleArgument = Annotated[str, Argument(metavar="RULE", text="Its id or name.")]
AtOption = Annotated[
    list[str], Option("--at", metavar="THRESHOLD", text="A share of a budget, 80%, or credits, 500; may be repeated.")
]
ToOption = Annotated[
    list[str],
    Option(
        "--to", metavar="WHO", text="owner, group-admins, super-admins, members/ID or channels/ID; may be repeated."
    ),
]
QuietOption = Annotated[str, Option(metavar="SPAN", text="When nothing is sent to channels: 22:00-07:00, or none.")]
QuietDaysOption = Annotated[str, Option(metavar="DAYS", text="On which they begin: sat,sun. Default: all.")]
QuietZoneOption = Annotated[str, Option(metavar="ZONE", text="Their time zone. Default: the organization's.")]
AlertsPassOption = Annotated[
    bool, Option("--alerts-pass", text="Send alerts of the severity alert in quiet hours, too.")
]
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


def _state(rule: NotificationRule) -> str:
    if rule.overridden_by:
        return f"overridden by {short_name(rule.overridden_by)}"
    return "off" if rule.disabled else "on"


def _facts(session: Session, rule: NotificationRule) -> list[tuple[str, str]]:
    return [
        ("rule", rule.name),
        ("name", rule.display_name),
        ("about", _scope(rule)),
        ("events", ", ".join(rule.event_types)),
        ("at", _thresholds(rule)),
        ("when", ", ".join(f"{field.name}={value}" for field, value in rule.conditions.ListFields())),
        ("to", _recipients(rule)),
        ("severity", severity_text(rule)),
        ("sent", frequency_text(rule)),
        ("quiet", quiet_hours_text(rule)),
        ("overrides", rule.overrides and short_name(rule.overrides)),
        ("below", "cannot be overridden" if rule.overrides_forbidden else ""),
        ("state", _state(rule)),
        ("changed", session.ago(rule.update_time)),
    ]


@command(application, "rules", "alerts rules", "alerts rules --scope groups/research")
def list_rules(
    session: Session,
    scope: Annotated[
        str, Option(metavar="SCOPE", text="Only what speaks of this scope, with what it inherits; as of add-rule.")
    ] = "",
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
) -> None:
    """List which alerts go to whom."""
    request = ListNotificationRulesRequest(
        parent=session.organization,
        filter=filter_text,
        scope=scope_name(session.organization, session.scope(scope)) if scope else "",
    )
    found = session.listed(
        session.router.notification_rules.ListNotificationRules, request, "notification_rules", limit
    )
    columns = [
        Column[NotificationRule]("rule", lambda one: short_name(one.name)),
        Column[NotificationRule]("name", lambda one: one.display_name),
        Column[NotificationRule]("about", _scope),
        Column[NotificationRule]("at", _thresholds),
        Column[NotificationRule]("to", _recipients),
        Column[NotificationRule]("severity", severity_text),
        Column[NotificationRule]("sent", frequency_text),
        Column[NotificationRule]("inherited from", lambda one: one.inherited_from and short_scope(one.inherited_from)),
        Column[NotificationRule]("overrides", lambda one: one.overrides and short_name(one.overrides)),
        Column[NotificationRule]("state", _state),
    ]
    session.output.rows(columns, found, "no rules")


@command(
    application,
    "add-rule",
    "alerts add-rule Team --scope groups/research --at 50% --at 75% --to owner --to channels/channel-01abc",
    "alerts add-rule Spend --at 500 --to super-admins --to members/emma@example.com",
    "alerts add-rule Quiet --scope groups/research --overrides budgets --at 100% --to owner",
    "alerts add-rule Credit --event credit.low --when credit_left_days=14 --to super-admins",
)
def add_rule(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What people call it.")],
    to: ToOption,
    scope: Annotated[
        str, Option(metavar="SCOPE", text="organization, groups/ID, members/ID, service-accounts/ID or keys/ID.")
    ] = "organization",
    at: AtOption = [],  # noqa: B006 - read, never changed
    event: Annotated[
        list[str] | None,
        Option("--event", metavar="TYPE", text="Such as credit.low; may be repeated. Default: those of budgets."),
    ] = None,
    when: Annotated[
        list[str] | None,
        Option("--when", metavar="CONDITION", text="Such as unused_days=30; may be repeated."),
    ] = None,
    severity: Annotated[
        SeverityChoice, Option(metavar="SEVERITY", text="info, warning or alert. auto: by the event.")
    ] = SeverityChoice.AUTO,
    frequency: Annotated[
        FrequencyChoice, Option(metavar="FREQUENCY", text="at-once; daily or weekly: as a digest.")
    ] = FrequencyChoice.AT_ONCE,
    quiet: QuietOption = "",
    quiet_days: QuietDaysOption = "",
    quiet_zone: QuietZoneOption = "",
    overrides: Annotated[
        str, Option(metavar="RULE", text="A rule of a scope above, whose place this one takes in its scope.")
    ] = "",
    *,
    off: Annotated[bool, Option("--off", text="Switched off: with --overrides, nothing is reported there.")] = False,
    forbid_overrides: Annotated[
        bool, Option("--forbid-overrides", text="Let no rule of a lower scope take its place there.")
    ] = False,
    alerts_pass: AlertsPassOption = False,
    only: Annotated[bool, Option("--only", text="Only about the scope itself, not about what is inside it.")] = False,
) -> None:
    """Add a rule: which events are reported to whom."""
    percents, amounts = parsed_thresholds(at)
    rule = NotificationRule(
        display_name=name,
        scope=scope_name(session.organization, session.scope(scope)),
        only_scope=only,
        threshold_percents=percents,
        threshold_nano_credits=amounts,
        recipients=[_named(session, one) for one in to],
        severity=severity.value_in_api,
        frequency=frequency.value_in_api,
        quiet_hours=quiet_hours(quiet, quiet_days, quiet_zone, alerts_pass=alerts_pass),
        overrides=session.name(Collection.NOTIFICATION_RULES, overrides) if overrides else "",
        overrides_forbidden=forbid_overrides,
        disabled=off,
        event_types=event or [],
        conditions=_conditions(when or []),
    )
    request = CreateNotificationRuleRequest(parent=session.organization, notification_rule=rule)
    made = session.router.notification_rules.CreateNotificationRule(request)
    session.output.one(made, _facts(session, made))


@command(
    application,
    "change-rule",
    "alerts change-rule budgets --severity alert --quiet 22:00-07:00 --alerts-pass",
    "alerts change-rule budgets --frequency daily --quiet none",
)
def change_rule(
    session: Session,
    rule: RuleArgument,
    name: Annotated[str, Option(metavar="NAME", text="What people call it.")] = "",
    at: AtOption = [],  # noqa: B006 - read, never changed
    to: ToOption = [],  # noqa: B006 - read, never changed
    severity: Annotated[
        SeverityChoice | None, Option(metavar="SEVERITY", text="info, warning or alert. auto: by the event.")
    ] = None,
    frequency: Annotated[
        FrequencyChoice | None, Option(metavar="FREQUENCY", text="at-once; daily or weekly: as a digest.")
    ] = None,
    quiet: QuietOption = "",
    quiet_days: QuietDaysOption = "",
    quiet_zone: QuietZoneOption = "",
    *,
    alerts_pass: AlertsPassOption = False,
    forbid_overrides: Annotated[
        bool, Option("--forbid-overrides", text="Let no rule of a lower scope take its place there.")
    ] = False,
    allow_overrides: Annotated[bool, Option("--allow-overrides", text="Let rules of lower scopes do so.")] = False,
) -> None:
    """Change a rule. What is not given stays as it is; thresholds, recipients and quiet hours are replaced as a whole."""
    changed = NotificationRule(name=session.name(Collection.NOTIFICATION_RULES, rule), display_name=name)
    paths = ["display_name"] if name else []
    if at:
        percents, amounts = parsed_thresholds(at)
        changed.threshold_percents.extend(percents)
        changed.threshold_nano_credits.extend(amounts)
        paths += ["threshold_percents", "threshold_nano_credits"]
    if to:
        changed.recipients.extend(_named(session, one) for one in to)
        paths.append("recipients")
    if severity is not None:
        changed.severity = severity.value_in_api
        paths.append("severity")
    if frequency is not None:
        changed.frequency = frequency.value_in_api
        paths.append("frequency")
    if quiet:
        if wanted := quiet_hours(quiet, quiet_days, quiet_zone, alerts_pass=alerts_pass):
            changed.quiet_hours.CopyFrom(wanted)
        paths.append("quiet_hours")
    if forbid_overrides and allow_overrides:
        raise ValueError("--forbid-overrides and --allow-overrides exclude each other")
    if forbid_overrides or allow_overrides:
        changed.overrides_forbidden = forbid_overrides
        paths.append("overrides_forbidden")
    if not paths:
        raise ValueError("name what to change, such as --severity alert")
    request = UpdateNotificationRuleRequest(notification_rule=changed, update_mask=FieldMask(paths=paths))
    made = session.router.notification_rules.UpdateNotificationRule(request)
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


def parsed_thresholds(texts: Sequence[str]) -> tuple[list[int], list[int]]:
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
