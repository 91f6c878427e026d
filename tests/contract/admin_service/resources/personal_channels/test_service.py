"""A member keeps a personal channel that no admin sees, and that ends with the membership."""

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import (
    member_pb2,
    notification_channel_pb2,
    notification_delivery_pb2,
    notification_rule_pb2,
    personal_channel_pb2,
)
from megarouter.admin.v1.notification_channel_pb2 import NotificationChannel
from megarouter.admin.v1.notification_rule_pb2 import NotificationRecipient, NotificationRule
from megarouter.admin.v1.personal_channel_pb2 import PersonalChannel

from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.channel_seals import Place, open_seal
from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"
MINE = f"{ACME}/personalChannel"
KEY = "c4" * 32
TARGET = "https://hooks.example.org/T123/secret-part"
DENIED = "PERMISSION_DENIED"


@pytest.fixture
def settings(settings: AdminSettings) -> AdminSettings:
    return AdminSettings.model_validate({**settings.model_dump(), "channel_key": KEY})


async def set_channel(client: Client, member: str, kind: str = "CALLBACK", target: str = TARGET) -> str:
    request = personal_channel_pb2.SetPersonalChannelRequest(
        name=MINE, kind=NotificationChannel.Kind.Value(f"KIND_{kind}"), target=target
    )
    return str((await client.call("SetPersonalChannel", request, member)).secret)


async def shown(client: Client, member: str) -> PersonalChannel:
    request = personal_channel_pb2.GetPersonalChannelRequest(name=MINE)
    answer: PersonalChannel = await client.call("GetPersonalChannel", request, member)
    return answer


async def test_a_member_sets_and_clears_a_channel_whose_target_is_sealed(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    secret = await set_channel(client, "member")
    row = await owner.fetchrow("SELECT * FROM notification_channels")
    assert row is not None
    keys = [bytes.fromhex(KEY)]
    assert open_seal(row["sealed_target"], Place("acme", row["channel_id"], "target"), keys) == TARGET
    assert open_seal(row["sealed_secret"], Place("acme", row["channel_id"], "secret"), keys) == secret
    assert (await shown(client, "member")).target_host == "hooks.example.org"
    assert (await shown(client, "super")).kind == NotificationChannel.KIND_UNSPECIFIED
    log = await owner.fetch("SELECT before::text, after::text FROM audit_log")
    assert len(log) == 1
    assert not any("secret-part" in str(text) or "whsec" in str(text) for row in log for text in row)
    await client.call("ClearPersonalChannel", personal_channel_pb2.ClearPersonalChannelRequest(name=MINE), "member")
    assert (await shown(client, "member")).kind == NotificationChannel.KIND_UNSPECIFIED


async def test_setting_a_channel_again_replaces_it(client: Client, people: None, owner: asyncpg.Connection) -> None:
    await set_channel(client, "member")
    await set_channel(client, "member", "SLACK", "https://chat.example.org/other")
    assert await owner.fetchval("SELECT count(*) FROM notification_channels") == 1
    assert (await shown(client, "member")).target_host == "chat.example.org"


async def test_a_target_that_does_not_fit_is_refused(client: Client, people: None) -> None:
    request = personal_channel_pb2.SetPersonalChannelRequest(
        name=MINE, kind=NotificationChannel.KIND_SLACK, target="ftp://example.org", secret="s"
    )
    assert set((await client.failure("SetPersonalChannel", request, "member")).fields) == {"target", "secret"}


async def test_no_admin_sees_or_uses_the_channel_of_a_member(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    await set_channel(client, "member")
    await client.call("TestPersonalChannel", personal_channel_pb2.TestPersonalChannelRequest(name=MINE), "member")
    channel = await owner.fetchval("SELECT channel_id FROM notification_channels")
    delivery = await owner.fetchval("SELECT delivery_id FROM notification_deliveries")
    name = f"{ACME}/notificationChannels/{channel}"
    listing = notification_channel_pb2.ListNotificationChannelsRequest(parent=ACME)
    assert not (await client.call("ListNotificationChannels", listing)).notification_channels
    deliveries = notification_delivery_pb2.ListNotificationDeliveriesRequest(parent=ACME)
    assert not (await client.call("ListNotificationDeliveries", deliveries)).notification_deliveries
    get = notification_channel_pb2.GetNotificationChannelRequest(name=name)
    assert (await client.failure("GetNotificationChannel", get)).reason == DENIED
    test = notification_channel_pb2.SendTestNotificationRequest(name=name)
    assert (await client.failure("SendTestNotification", test)).reason == DENIED
    of_delivery = notification_delivery_pb2.GetNotificationDeliveryRequest(
        name=f"{ACME}/notificationDeliveries/{delivery}"
    )
    assert (await client.failure("GetNotificationDelivery", of_delivery)).reason == DENIED
    rule = NotificationRule(
        display_name="To a member's channel", scope=ACME, threshold_percents=[50],
        recipients=[NotificationRecipient(channel=name)],
    )  # fmt: skip
    create = notification_rule_pb2.CreateNotificationRuleRequest(parent=ACME, notification_rule=rule)
    assert (await client.failure("CreateNotificationRule", create)).fields == (
        "notification_rule.recipients[0].channel",
    )


async def test_a_test_goes_the_whole_way(client: Client, people: None, owner: asyncpg.Connection) -> None:
    request = personal_channel_pb2.TestPersonalChannelRequest(name=MINE)
    assert (await client.failure("TestPersonalChannel", request, "member")).reason == "STATE_UNSUITABLE"
    await set_channel(client, "member")
    assert (await client.call("TestPersonalChannel", request, "member")).latest_state == "PENDING"
    row = await owner.fetchrow(
        "SELECT e.event_type FROM notification_deliveries d JOIN alert_events e USING (event_id)"
    )
    assert row is not None
    assert row["event_type"] == "test"


async def test_who_leaves_the_organization_gets_nothing_more(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    await set_channel(client, "member")
    await client.call("TestPersonalChannel", personal_channel_pb2.TestPersonalChannelRequest(name=MINE), "member")
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=f"{ACME}/members/member"))
    assert await owner.fetchval("SELECT count(*) FROM notification_channels") == 0
    assert await owner.fetchval("SELECT state FROM notification_deliveries") == "CANCELED"


async def test_recipients_who_are_missing_or_gone_are_named(client: Client, people: None) -> None:
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=f"{ACME}/members/below"))
    for member, caller in (("nothing", "super"), ("below", "super"), ("below", "l1")):
        rule = NotificationRule(
            display_name="To nobody", scope=f"{ACME}/groups/platform", threshold_percents=[50],
            recipients=[NotificationRecipient(member=f"{ACME}/members/{member}")],
        )  # fmt: skip
        create = notification_rule_pb2.CreateNotificationRuleRequest(parent=ACME, notification_rule=rule)
        failure = await client.failure("CreateNotificationRule", create, caller)
        assert failure.fields == ("notification_rule.recipients[0].member",)


async def test_a_rule_remembers_in_which_group_it_named_a_member(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    rule = NotificationRule(
        display_name="To below", scope=f"{ACME}/groups/platform", threshold_percents=[50],
        recipients=[
            NotificationRecipient(member=f"{ACME}/members/below"), NotificationRecipient(member=f"{ACME}/members/sales"),
        ],
    )  # fmt: skip
    create = notification_rule_pb2.CreateNotificationRuleRequest(parent=ACME, notification_rule=rule)
    made = await client.call("CreateNotificationRule", create)
    await owner.execute("UPDATE members SET group_id = 'sales' WHERE member_id = 'below'")
    update = notification_rule_pb2.UpdateNotificationRuleRequest(
        notification_rule=NotificationRule(name=made.name, display_name="Renamed"),
        update_mask=FieldMask(paths=["display_name"]),
    )
    await client.call("UpdateNotificationRule", update)
    stored = await owner.fetchval("SELECT recipients FROM notification_rules WHERE display_name = 'Renamed'")
    assert '"group": "platform"' in stored
    assert stored.count('"group"') == 1
