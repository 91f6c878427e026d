"""Admins keep rules about what is in their subtree, and tell only whom they may."""

import dataclasses

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import notification_rule_pb2
from megarouter.admin.v1.notification_pb2 import Notification
from megarouter.admin.v1.notification_rule_pb2 import (
    NotificationConditions,
    NotificationRecipient,
    NotificationRule,
    QuietHours,
)

from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.rules import Conditions
from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"
DENIED = grpc.StatusCode.PERMISSION_DENIED
TO_OWNER = NotificationRecipient(audience=NotificationRecipient.AUDIENCE_OWNER)


def rule(scope: str, *recipients: NotificationRecipient) -> notification_rule_pb2.CreateNotificationRuleRequest:
    wanted = NotificationRule(
        display_name="Half", scope=scope, threshold_percents=[50], recipients=recipients or [TO_OWNER]
    )
    return notification_rule_pb2.CreateNotificationRuleRequest(parent=ACME, notification_rule=wanted)


async def listed(client: Client, member: str) -> list[str]:
    request = notification_rule_pb2.ListNotificationRulesRequest(parent=ACME)
    answer = await client.call("ListNotificationRules", request, member)
    return [one.display_name for one in answer.notification_rules if not one.inherited_from]


async def test_an_organization_begins_with_rules_for_budgets_keys_and_operations(client: Client, people: None) -> None:
    request = notification_rule_pb2.ListNotificationRulesRequest(parent=ACME)
    first, keys, operations = (await client.call("ListNotificationRules", request)).notification_rules
    assert (list(first.threshold_percents), first.scope, first.only_scope) == ([80, 90, 100], ACME, False)
    assert [one.audience for one in first.recipients] == [
        NotificationRecipient.AUDIENCE_OWNER,
        NotificationRecipient.AUDIENCE_GROUP_ADMINS,
    ]
    assert (list(keys.event_types), [one.audience for one in keys.recipients]) == (
        ["key.expiring"],
        [NotificationRecipient.AUDIENCE_OWNER],
    )
    assert {"credit.low", "credit.exhausted", "provider.account_refused", "usage.doubtful"} <= {*operations.event_types}
    assert [one.audience for one in operations.recipients] == [NotificationRecipient.AUDIENCE_SUPER_ADMINS]


async def test_an_admin_keeps_the_rules_of_the_subtree(client: Client, people: None) -> None:
    made = await client.call("CreateNotificationRule", rule(f"{ACME}/groups/platform"), "sub")
    assert await listed(client, "sub") == await listed(client, "l1") == ["Half"]
    made.threshold_percents[:] = [60, 60, 70]
    update = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=made, update_mask=FieldMask(paths=["threshold_percents", "disabled"])
    )
    changed = await client.call("UpdateNotificationRule", update, "l1")
    assert list(changed.threshold_percents) == [60, 70]
    assert (await client.failure("UpdateNotificationRule", update, "l1")).reason == "ETAG_MISMATCH"
    await client.call(
        "DeleteNotificationRule", notification_rule_pb2.DeleteNotificationRuleRequest(name=made.name), "l1"
    )
    assert await listed(client, "l1") == []


async def test_a_rule_is_switched_off_by_that_field_alone(client: Client, people: None) -> None:
    """Seen to be refused for thresholds that the request did not change."""
    request = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=NotificationRule(name=f"{ACME}/notificationRules/budgets", disabled=True),
        update_mask=FieldMask(paths=["disabled"]),
    )
    changed = await client.call("UpdateNotificationRule", request)
    assert changed.disabled
    assert list(changed.threshold_percents) == [80, 90, 100]
    request.update_mask.paths[:] = ["threshold_percents"]
    failure = await client.failure("UpdateNotificationRule", request)
    assert failure.fields == ("notification_rule.threshold_percents",)


@pytest.mark.parametrize("scope", ["", "/groups/sales", "/members/sales", "/apiKeys/key-sales", "/groups/nothing"])
async def test_no_rule_reaches_beyond_the_subtree(client: Client, people: None, scope: str) -> None:
    assert await client.code("CreateNotificationRule", rule(f"{ACME}{scope}"), "sub") is DENIED


async def test_nothing_is_told_to_people_and_channels_beyond_the_subtree(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, group_id, target_hint, sealed_target)"
        " VALUES ('acme', 'top', 'SLACK', 'Top', NULL, '', ''), ('acme', 'ours', 'SLACK', 'Ours', 'platform', '', '')"
    )
    scope = f"{ACME}/groups/platform"
    for beyond in (
        NotificationRecipient(member=f"{ACME}/members/sales"),
        NotificationRecipient(channel=f"{ACME}/notificationChannels/top"),
        NotificationRecipient(channel="organizations/other/notificationChannels/ours"),
    ):
        assert await client.code("CreateNotificationRule", rule(scope, beyond), "sub") is DENIED
    ours = NotificationRecipient(channel=f"{ACME}/notificationChannels/ours")
    below = NotificationRecipient(member=f"{ACME}/members/below")
    made = await client.call("CreateNotificationRule", rule(scope, ours, below), "sub")
    assert list(made.recipients) == [ours, below]


async def test_a_rule_needs_a_threshold_a_known_event_and_recipients_that_name_someone(
    client: Client, people: None
) -> None:
    request = rule(ACME, NotificationRecipient())
    del request.notification_rule.threshold_percents[:]
    request.notification_rule.event_types.extend(["budget.forgotten", "budget.threshold_reached"])
    failure = await client.failure("CreateNotificationRule", request)
    assert set(failure.fields) == {
        "notification_rule.event_types[0]",
        "notification_rule.threshold_percents",
        "notification_rule.recipients[0]",
    }


async def test_a_rule_says_how_urgent_its_alerts_are_and_when_they_are_sent(client: Client, people: None) -> None:
    request = rule(ACME)
    request.notification_rule.severity = Notification.SEVERITY_ALERT
    request.notification_rule.frequency = NotificationRule.FREQUENCY_DAILY
    request.notification_rule.quiet_hours.MergeFrom(QuietHours(start="22:00", end="07:00", alerts_pass=True))
    made = await client.call("CreateNotificationRule", request)
    assert (made.severity, made.frequency) == (Notification.SEVERITY_ALERT, NotificationRule.FREQUENCY_DAILY)
    assert made.quiet_hours == QuietHours(start="22:00", end="07:00", time_zone="UTC", alerts_pass=True)
    update = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=NotificationRule(name=made.name), update_mask=FieldMask(paths=["quiet_hours", "severity"])
    )
    changed = await client.call("UpdateNotificationRule", update)
    assert (changed.severity, changed.HasField("quiet_hours")) == (Notification.SEVERITY_UNSPECIFIED, False)
    assert changed.frequency == NotificationRule.FREQUENCY_DAILY


@pytest.mark.parametrize(
    ("quiet", "field"),
    [
        (QuietHours(start="24:00", end="07:00"), "notification_rule.quiet_hours.start"),
        (QuietHours(start="22:00", end="7"), "notification_rule.quiet_hours.end"),
        (QuietHours(start="22:00", end="07:00", time_zone="Mars/Base"), "notification_rule.quiet_hours.time_zone"),
        (QuietHours(start="07:00", end="07:00"), "notification_rule.quiet_hours"),
    ],
)
async def test_quiet_hours_that_cannot_be_kept_are_refused(
    client: Client, people: None, quiet: QuietHours, field: str
) -> None:
    request = rule(ACME)
    request.notification_rule.quiet_hours.MergeFrom(quiet)
    assert (await client.failure("CreateNotificationRule", request)).fields == (field,)


@pytest.mark.parametrize(
    ("event_type", "percents", "amounts", "field"),
    [
        ("budget.reset", [], [], "threshold_percents"),
        ("seats.threshold_reached", [], [5], "threshold_percents"),
        ("spend.threshold_reached", [80], [], "threshold_nano_credits"),
    ],
)
async def test_events_of_thresholds_need_one_that_they_can_reach(
    client: Client, people: None, event_type: str, percents: list[int], amounts: list[int], field: str
) -> None:
    request = rule(ACME)
    request.notification_rule.event_types.append(event_type)
    request.notification_rule.threshold_percents[:] = percents
    request.notification_rule.threshold_nano_credits[:] = amounts
    failure = await client.failure("CreateNotificationRule", request)
    assert failure.fields == (f"notification_rule.{field}",)


@pytest.mark.parametrize("event_type", sorted(event_types.OF_ORGANIZATION))
async def test_what_is_about_the_organization_is_no_rule_of_a_part_of_it(
    client: Client, people: None, event_type: str
) -> None:
    request = rule(f"{ACME}/groups/platform")
    request.notification_rule.event_types.append(event_type)
    failure = await client.failure("CreateNotificationRule", request)
    assert failure.fields == ("notification_rule.scope",)


async def test_conditions_are_kept_and_changed_as_a_whole(client: Client, people: None) -> None:
    request = rule(ACME)
    request.notification_rule.event_types.append("credit.low")
    del request.notification_rule.threshold_percents[:]
    request.notification_rule.conditions.credit_left_days = 0
    request.notification_rule.conditions.unused_days = 30
    made = await client.call("CreateNotificationRule", request)
    assert made.conditions == NotificationConditions(credit_left_days=0, unused_days=30)
    made.conditions.ClearField("unused_days")
    update = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=made, update_mask=FieldMask(paths=["conditions"])
    )
    changed = await client.call("UpdateNotificationRule", update)
    assert changed.conditions == NotificationConditions(credit_left_days=0)


def test_every_condition_of_the_api_is_one_that_events_know() -> None:
    named = {field.name for field in NotificationConditions.DESCRIPTOR.fields}
    assert named == {field.name for field in dataclasses.fields(Conditions)}
