"""Rules are inherited in lower groups, and overridden there by those who administer them, unless a rule above forbids it."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import audit_log_pb2, notification_rule_pb2
from megarouter.admin.v1.notification_rule_pb2 import NotificationRecipient, NotificationRule

from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"
BUDGETS = f"{ACME}/notificationRules/budgets"
OTHERS = {f"{ACME}/notificationRules/operations", f"{ACME}/notificationRules/keys"}
"""Rules that every organization begins with, and that these tests do not concern."""
PLATFORM = f"{ACME}/groups/platform"
TO_OWNER = NotificationRecipient(audience=NotificationRecipient.AUDIENCE_OWNER)
TO_SALES = NotificationRecipient(member=f"{ACME}/members/sales")
REFUSED = "NOTIFICATION_OVERRIDE_REFUSED"


def rule(
    scope: str, overrides: str = BUDGETS, **settings: object
) -> notification_rule_pb2.CreateNotificationRuleRequest:
    wanted = NotificationRule(
        display_name=scope.rpartition("/")[2], scope=scope, threshold_percents=[50], recipients=[TO_OWNER],
        overrides=overrides, **settings,  # type: ignore[arg-type] # fields of the message
    )  # fmt: skip
    return notification_rule_pb2.CreateNotificationRuleRequest(parent=ACME, notification_rule=wanted)


async def listed(client: Client, member: str, scope: str = "") -> list[NotificationRule]:
    request = notification_rule_pb2.ListNotificationRulesRequest(parent=ACME, scope=scope)
    found = (await client.call("ListNotificationRules", request, member)).notification_rules
    return [one for one in found if one.name not in OTHERS]


async def update(client: Client, member: str, changed: NotificationRule, path: str) -> NotificationRule:
    request = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=changed, update_mask=FieldMask(paths=[path])
    )
    answer: NotificationRule = await client.call("UpdateNotificationRule", request, member)
    return answer


async def test_an_admin_sees_what_is_inherited_and_where_it_comes_from(client: Client, people: None) -> None:
    await update(client, "super", NotificationRule(name=BUDGETS, recipients=[TO_OWNER, TO_SALES]), "recipients")
    (inherited,) = await listed(client, "sub")
    assert (inherited.name, inherited.inherited_from, list(inherited.recipients)) == (BUDGETS, ACME, [TO_OWNER])
    (own,) = await listed(client, "super")
    assert (own.inherited_from, list(own.recipients)) == ("", [TO_OWNER, TO_SALES])


async def test_rules_of_other_branches_are_not_inherited(client: Client, people: None) -> None:
    await client.call("CreateNotificationRule", rule(f"{ACME}/groups/sales", ""))
    only = rule(f"{ACME}/groups/eng", "", only_scope=True)
    await client.call("CreateNotificationRule", only)
    assert [one.name for one in await listed(client, "sub")] == [BUDGETS]


async def test_an_admin_overrides_an_inherited_rule_in_the_own_subtree(client: Client, people: None) -> None:
    made = await client.call("CreateNotificationRule", rule(PLATFORM, disabled=True), "l1")
    assert (made.overrides, made.disabled) == (BUDGETS, True)
    found = {one.name: one for one in await listed(client, "super", f"{ACME}/members/below")}
    assert (found[BUDGETS].overridden_by, found[BUDGETS].inherited_from) == (made.name, ACME)
    assert (found[made.name].overridden_by, found[made.name].inherited_from) == ("", PLATFORM)
    (elsewhere,) = await listed(client, "super", f"{ACME}/members/sales")
    assert elsewhere.overridden_by == ""


@pytest.mark.parametrize("scope", [ACME, f"{ACME}/groups/sales", f"{ACME}/members/sales", f"{ACME}/groups/eng"])
async def test_no_override_reaches_beyond_the_subtree(client: Client, people: None, scope: str) -> None:
    assert await client.code("CreateNotificationRule", rule(scope), "sub") is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("allowed", ["PERMISSION_DENIED"])
async def test_an_inherited_rule_is_changed_only_above(client: Client, people: None, allowed: str) -> None:
    request = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=NotificationRule(name=BUDGETS, disabled=True), update_mask=FieldMask(paths=["disabled"])
    )
    assert (await client.failure("UpdateNotificationRule", request, "l1")).reason == allowed


async def test_a_rule_above_forbids_overrides(client: Client, people: None) -> None:
    before = await client.call("CreateNotificationRule", rule(f"{ACME}/groups/inference"), "l1")
    await update(client, "super", NotificationRule(name=BUDGETS, overrides_forbidden=True), "overrides_forbidden")
    failure = await client.failure("CreateNotificationRule", rule(PLATFORM), "l1")
    assert (failure.reason, failure.metadata["rule"]) == (REFUSED, BUDGETS)
    found = {one.name: one for one in await listed(client, "super", f"{ACME}/groups/inference")}
    assert (found[BUDGETS].overridden_by, found[before.name].overridden_by) == ("", BUDGETS)


async def test_an_override_forbids_others_below_it(client: Client, people: None) -> None:
    await client.call("CreateNotificationRule", rule(f"{ACME}/groups/eng", overrides_forbidden=True))
    assert (await client.failure("CreateNotificationRule", rule(PLATFORM), "l1")).reason == REFUSED


async def test_a_scope_has_one_override_of_a_rule(client: Client, people: None) -> None:
    await client.call("CreateNotificationRule", rule(PLATFORM), "l1")
    assert (await client.failure("CreateNotificationRule", rule(PLATFORM))).reason == REFUSED


async def test_only_a_rule_that_is_inherited_is_overridden(client: Client, people: None) -> None:
    of_sales = await client.call("CreateNotificationRule", rule(f"{ACME}/groups/sales", ""))
    override = await client.call("CreateNotificationRule", rule(PLATFORM))
    for name in (
        of_sales.name,
        override.name,
        f"{ACME}/notificationRules/nothing",
        "organizations/other/notificationRules/budgets",
    ):
        failure = await client.failure("CreateNotificationRule", rule(f"{ACME}/groups/inference", name), "l1")
        assert failure.fields == ("notification_rule.overrides",)
    assert (await client.failure("CreateNotificationRule", rule(ACME))).fields == ("notification_rule.overrides",)


async def test_an_override_ends_with_its_rule_and_the_audit_log_has_both(client: Client, people: None) -> None:
    made = await client.call("CreateNotificationRule", rule(PLATFORM), "l1")
    await client.call("DeleteNotificationRule", notification_rule_pb2.DeleteNotificationRuleRequest(name=BUDGETS))
    assert await listed(client, "super") == []
    entries = await client.call("ListAuditLogEntries", audit_log_pb2.ListAuditLogEntriesRequest(parent=ACME))
    gone = {one.resource for one in entries.audit_log_entries if one.method.endswith("DeleteNotificationRule")}
    assert gone == {BUDGETS, made.name}
