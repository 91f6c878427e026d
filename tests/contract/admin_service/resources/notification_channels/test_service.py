"""Channels keep their targets and secrets to themselves, and what is sent to them can be followed."""

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import notification_channel_pb2, notification_delivery_pb2
from megarouter.admin.v1.notification_channel_pb2 import NotificationChannel
from megarouter.admin.v1.notification_delivery_pb2 import NotificationDelivery

from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.channel_seals import Place, open_seal
from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"
KEY = "c4" * 32
TARGET = "https://hooks.example.org/T123/secret-part"


@pytest.fixture
def settings(settings: AdminSettings) -> AdminSettings:
    return AdminSettings.model_validate({**settings.model_dump(), "channel_key": KEY})


def channel(
    kind: str = "CALLBACK", target: str = TARGET, secret: str = "", group: str = ""
) -> notification_channel_pb2.CreateNotificationChannelRequest:
    wanted = NotificationChannel(
        display_name="Ops",
        kind=NotificationChannel.Kind.Value(f"KIND_{kind}"),
        target=target,
        secret=secret,
        group=group,
    )
    return notification_channel_pb2.CreateNotificationChannelRequest(parent=ACME, notification_channel=wanted)


async def opened(owner: asyncpg.Connection, use: str) -> str:
    row = await owner.fetchrow("SELECT channel_id, sealed_target, sealed_secret FROM notification_channels")
    assert row is not None
    place = Place("acme", row["channel_id"], use)  # type: ignore[arg-type] # one of the uses
    return open_seal(row[f"sealed_{use}"], place, [bytes.fromhex(KEY)])


async def test_a_callback_gets_a_secret_that_is_shown_once(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = await client.call("CreateNotificationChannel", channel())
    assert made.secret.startswith("whsec_")
    assert await opened(owner, "secret") == made.secret
    assert await opened(owner, "target") == TARGET
    name = made.notification_channel.name
    got = await client.call("GetNotificationChannel", notification_channel_pb2.GetNotificationChannelRequest(name=name))
    assert (got.target, got.secret, got.target_host) == ("", "", "hooks.example.org")
    log = await owner.fetch("SELECT before::text, after::text FROM audit_log")
    assert not any("secret-part" in str(text) or "whsec" in str(text) for row in log for text in row)


async def test_a_rotated_secret_leaves_the_former_one_for_a_day(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = await client.call("CreateNotificationChannel", channel())
    request = notification_channel_pb2.RotateNotificationChannelSecretRequest(name=made.notification_channel.name)
    rotated = await client.call("RotateNotificationChannelSecret", request)
    assert rotated.secret != made.secret
    assert await opened(owner, "secret") == rotated.secret
    left = await owner.fetchval("SELECT former_secret_end_time - now() FROM notification_channels")
    assert 23 * 3600 < left.total_seconds() < 24 * 3600 + 1


@pytest.mark.parametrize(
    ("kind", "fields", "refused"),
    [
        ("CALLBACK", {"target": ""}, "target"),
        ("CALLBACK", {"target": "ftp://example.org"}, "target"),
        ("CALLBACK", {"target": "https://user:word@example.org"}, "target"),
        ("CALLBACK", {"target": "http://receiver.example.org"}, "target"),
        ("CALLBACK", {"target": "https://127.0.0.1/hook"}, "target"),
        ("SLACK", {"target": "https://[::1]/hook"}, "target"),
        ("WECOM", {"target": "https://metadata.google.internal/hook"}, "target"),
        ("CALLBACK", {"secret": "mine"}, "secret"),
        ("SLACK", {"secret": "mine"}, "secret"),
        ("PAGERDUTY", {"secret": "routing-key"}, "target"),
        ("PAGERDUTY", {"target": ""}, "secret"),
        ("EMAIL", {}, "target"),
        ("EMAIL", {"target": "ops@example.org\nBcc: all@example.org"}, "target"),
        ("EMAIL", {"target": "ops@example.org, all@example.org"}, "target"),
        ("EMAIL", {"target": "ops@example.org", "secret": "mine"}, "secret"),
    ],
)
async def test_a_channel_needs_what_its_kind_needs(
    client: Client, people: None, kind: str, fields: dict[str, str], refused: str
) -> None:
    failure = await client.failure("CreateNotificationChannel", channel(kind, **fields))
    assert failure.fields == (f"notification_channel.{refused}",)
    assert "example.org" not in failure.message


async def test_a_test_message_is_delivered_as_an_alert_is_and_can_be_sent_again(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    request = notification_channel_pb2.SendTestNotificationRequest(name=made.name)
    delivery = (await client.call("SendTestNotification", request)).delivery
    get = notification_delivery_pb2.GetNotificationDeliveryRequest(name=delivery)
    replay = notification_delivery_pb2.ReplayNotificationDeliveryRequest(name=delivery)
    found = await client.call("GetNotificationDelivery", get)
    assert (found.state, found.event_type, found.channel) == (NotificationDelivery.STATE_PENDING, "test", made.name)
    assert (await client.failure("ReplayNotificationDelivery", replay)).reason == "STATE_UNSUITABLE"
    await owner.execute(
        "UPDATE notification_deliveries SET state = 'FAILED', next_attempt_time = NULL, end_time = now(), attempt_count = 1"
    )
    await owner.execute(
        "INSERT INTO delivery_attempts SELECT organization_id, delivery_id, 1, now(), 12, '203.0.113.9', '{}', 503, 'busy',"
        " 'RETRY', 'HTTP 503' FROM notification_deliveries"
    )
    (attempt,) = (await client.call("GetNotificationDelivery", get)).attempts
    assert (attempt.http_status, attempt.address, attempt.error) == (503, "203.0.113.9", "HTTP 503")
    assert (await client.call("ReplayNotificationDelivery", replay)).state == NotificationDelivery.STATE_PENDING


async def test_what_waits_for_a_deleted_channel_is_canceled(client: Client, people: None) -> None:
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    sent = await client.call(
        "SendTestNotification", notification_channel_pb2.SendTestNotificationRequest(name=made.name)
    )
    await client.call(
        "DeleteNotificationChannel", notification_channel_pb2.DeleteNotificationChannelRequest(name=made.name)
    )
    get = notification_delivery_pb2.GetNotificationDeliveryRequest(name=sent.delivery)
    assert (await client.call("GetNotificationDelivery", get)).state == NotificationDelivery.STATE_CANCELED
    replay = notification_delivery_pb2.ReplayNotificationDeliveryRequest(name=sent.delivery)
    assert (await client.failure("ReplayNotificationDelivery", replay)).metadata["state"] == "DELETED"


async def test_a_channel_that_is_switched_on_again_has_a_clean_record(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    await owner.execute(
        "UPDATE notification_channels SET state = 'DISABLED', disable_reason = 'it failed for five days', failing_since = now()"
    )
    update = notification_channel_pb2.UpdateNotificationChannelRequest(
        notification_channel=NotificationChannel(name=made.name), update_mask=FieldMask(paths=["disabled"])
    )
    changed = await client.call("UpdateNotificationChannel", update)
    assert not changed.disabled
    assert changed.disable_reason == ""
    assert not changed.HasField("failing_since_time")


async def test_channels_belong_to_the_admins_of_their_group(client: Client, people: None) -> None:
    await client.call("CreateNotificationChannel", channel(group=f"{ACME}/groups/platform"), "sub")
    assert (await client.failure("CreateNotificationChannel", channel(), "sub")).reason == "PERMISSION_DENIED"
    await client.call("CreateNotificationChannel", channel())
    request = notification_channel_pb2.ListNotificationChannelsRequest(parent=ACME)
    seen = {
        member: len((await client.call("ListNotificationChannels", request, member)).notification_channels)
        for member in ("super", "l1", "sub")
    }
    assert seen == {"super": 2, "l1": 1, "sub": 1}


async def test_an_address_is_sealed_and_only_its_domain_is_shown(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = await client.call("CreateNotificationChannel", channel("EMAIL", target="ops@example.org"))
    assert made.notification_channel.target_host == "example.org"
    assert "ops@" not in str(made)
    assert await opened(owner, "target") == "ops@example.org"


async def test_an_attempt_names_the_events_of_its_message_and_has_what_was_sent(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    """Only the first delivery of a message has the texts in the database."""
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    request = notification_channel_pb2.SendTestNotificationRequest(name=made.name)
    deliveries = [(await client.call("SendTestNotification", request)).delivery for _ in range(3)]
    for number, delivery in enumerate(deliveries[:2]):
        await owner.execute(
            "INSERT INTO delivery_attempts SELECT organization_id, delivery_id, 1, now(), 12, '', $2, 200, $3, 'DELIVERED', '',"
            " 'message-1' FROM notification_deliveries WHERE delivery_id = $1",
            delivery.rpartition("/")[2],
            "POST all" if number == 0 else "",
            "ok" if number == 0 else "",
        )
    found = [
        await client.call(
            "GetNotificationDelivery", notification_delivery_pb2.GetNotificationDeliveryRequest(name=name)
        )
        for name in deliveries
    ]
    events = [one.event_id for one in found]
    assert [list(one.attempts[0].event_ids) for one in found[:2]] == [events[:2], events[:2]]
    assert [(one.attempts[0].request, one.attempts[0].answer) for one in found[:2]] == [("POST all", "ok")] * 2
    assert list(found[2].attempts) == []


async def test_the_mail_of_a_member_is_listed_as_theirs_and_its_channel_is_nobodys(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    await client.call("SendTestNotification", notification_channel_pb2.SendTestNotificationRequest(name=made.name))
    await owner.execute("UPDATE deployment_settings SET sends_mail = true")
    await owner.execute("UPDATE users SET email = 'member@acme.example' WHERE user_id = 'member'")
    await owner.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " SELECT 'acme', 'dlv-mail', mail_channels('acme', '{member}'), (SELECT event_id FROM alert_events)"
    )
    got = await client.call(
        "GetNotificationDelivery",
        notification_delivery_pb2.GetNotificationDeliveryRequest(
            name="organizations/acme/notificationDeliveries/dlv-mail"
        ),
    )
    assert (got.member, got.channel) == ("organizations/acme/members/member", "")
    listed = await client.call(
        "ListNotificationChannels",
        notification_channel_pb2.ListNotificationChannelsRequest(parent="organizations/acme"),
    )
    assert [one.name for one in listed.notification_channels] == [made.name]
    hidden = notification_channel_pb2.GetNotificationChannelRequest(
        name="organizations/acme/notificationChannels/mail-member"
    )
    assert (await client.failure("GetNotificationChannel", hidden)).reason == "PERMISSION_DENIED"


async def test_a_delivery_that_is_sent_again_gets_a_whole_schedule(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    made = (await client.call("CreateNotificationChannel", channel())).notification_channel
    request = notification_channel_pb2.SendTestNotificationRequest(name=made.name)
    delivery = (await client.call("SendTestNotification", request)).delivery
    await owner.execute(
        "UPDATE notification_deliveries SET state = 'FAILED', next_attempt_time = NULL, end_time = now(), attempt_count = 13,"
        " is_alone = true, create_time = now() - interval '80 hours'"
    )
    await client.call(
        "ReplayNotificationDelivery", notification_delivery_pb2.ReplayNotificationDeliveryRequest(name=delivery)
    )
    row = await owner.fetchrow(
        "SELECT former_attempt_count, is_alone, now() - schedule_start_time < interval '1 minute' AS begins_now"
        " FROM notification_deliveries"
    )
    assert dict(row or {}) == {"former_attempt_count": 13, "is_alone": False, "begins_now": True}
