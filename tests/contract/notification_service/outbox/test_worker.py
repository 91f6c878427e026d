"""Deliveries: in order, once, in time, and again after a failure."""

import asyncio
import datetime as dt
import json
from collections import Counter

import pytest
from standardwebhooks import Webhook

from notification_service.outbox.attempts import FAILING_REASON, GONE_REASON
from notification_service.outbox.store import MAX_TEXT_BYTES
from notification_service.outbox.worker import MOST_OF_AN_ORGANIZATION
from notification_service.transport.posting import Answer
from tests.contract.notification_service.outbox.deliveries import SECRET, Outbox

FAILED = Answer(500, b"no", "")


async def test_a_delivery_is_sent_signed_and_recorded(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    event = await outbox.add_delivery(1)
    await outbox.send_due()
    ((url, headers, body),) = outbox.receiver.posted
    assert url == "https://ops.example/secret-path-of-the-hook"
    assert Webhook(SECRET).verify(body, headers)["id"] == event == headers["webhook-id"]
    assert await outbox.states() == ["DELIVERED"]
    (attempt,) = await outbox.attempts()
    assert (attempt["attempt_number"], attempt["http_status"], attempt["answer"]) == (1, 200, "ok")
    assert (attempt["outcome"], attempt["address"], attempt["error"]) == ("DELIVERED", "192.0.2.1", "")
    assert attempt["request"] == f"POST https://ops.example/…\n\n{body.decode()}"
    await outbox.send_due()
    assert len(outbox.receiver.posted) == 1


async def test_a_channel_is_sent_to_in_order_and_waits_for_its_first(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    events = [await outbox.add_delivery(number) for number in range(1, 6)]
    outbox.receiver.answer = lambda _url: FAILED if len(outbox.receiver.posted) == 3 else Answer(200, b"", "")
    await outbox.send_due()
    assert outbox.receiver.ids == events[:3]
    assert await outbox.states() == ["DELIVERED", "DELIVERED", "PENDING", "PENDING", "PENDING"]
    await outbox.send_due()
    assert len(outbox.receiver.posted) == 3
    await outbox.make_due()
    await outbox.send_due()
    assert outbox.receiver.ids == [*events[:3], *events[2:]]
    assert (await outbox.channel_row())["failing_since"] is None


async def test_a_slow_receiver_holds_up_nobody_and_no_transaction_is_open(outbox: Outbox) -> None:
    await outbox.add_channel("slow")
    await outbox.add_channel("fast")
    await outbox.add_delivery(1, "slow")
    await outbox.add_delivery(1, "fast")
    release = asyncio.Event()
    outbox.receiver.wait = lambda url: release if "slow" in url else None
    worker = outbox.worker()
    await worker.begin_due()
    async with asyncio.timeout(30):
        while len(outbox.receiver.posted) < 2 or len(worker._tasks) > 1:
            await asyncio.sleep(0.01)
    assert await outbox.states("fast") == ["DELIVERED"]
    busy = await outbox.owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'megarouter_notification'"
        " AND state <> 'idle'"
    )
    assert busy == 0
    release.set()
    await worker.until_idle()
    assert await outbox.states("slow") == ["DELIVERED"]


async def test_an_organization_with_slow_receivers_leaves_room_for_others(outbox: Outbox) -> None:
    await outbox.add_organization("other")
    for number in range(MOST_OF_AN_ORGANIZATION + 4):
        await outbox.add_channel(f"slow-{number}")
        await outbox.add_delivery(1, f"slow-{number}")
    await outbox.add_channel("fast", "other")
    await outbox.add_delivery(1, "fast", "other")
    release = asyncio.Event()
    outbox.receiver.wait = lambda url: release if "slow" in url else None
    worker = outbox.worker()
    await worker.begin_due()
    async with asyncio.timeout(30):
        while len(outbox.receiver.posted) <= MOST_OF_AN_ORGANIZATION or len(worker._tasks) > MOST_OF_AN_ORGANIZATION:
            await asyncio.sleep(0.01)
    assert await outbox.states("fast") == ["DELIVERED"]
    hosts = Counter(url.split("/")[2].partition("-")[0] for url, _, _ in outbox.receiver.posted)
    assert hosts == {"slow": MOST_OF_AN_ORGANIZATION, "fast.example": 1}
    release.set()
    await worker.until_idle()


async def test_several_processes_send_each_delivery_once(outbox: Outbox) -> None:
    channels = [f"channel-{number}" for number in range(6)]
    for channel in channels:
        await outbox.add_channel(channel)
        for number in range(8):
            await outbox.add_delivery(number, channel)
    workers = [outbox.worker() for _ in range(3)]
    for _ in range(40):
        await asyncio.gather(*(worker.begin_due() for worker in workers))
        await asyncio.gather(*(worker.until_idle() for worker in workers))
    counts = Counter(outbox.receiver.ids)
    assert (len(counts), set(counts.values())) == (48, {1})
    for channel in channels:
        own = [event for event in outbox.receiver.ids if event.startswith(f"evt-{channel}-")]
        assert own == sorted(own)


async def test_a_process_that_dies_after_sending_leaves_the_delivery_to_another_with_the_same_id(
    outbox: Outbox,
) -> None:
    await outbox.add_channel("ops")
    event = await outbox.add_delivery(1)
    outbox.receiver.wait = lambda _url: asyncio.Event()
    worker = outbox.worker()
    await worker.begin_due()
    async with asyncio.timeout(30):
        while not outbox.receiver.posted:
            await asyncio.sleep(0.01)
    await worker.stop(0)
    outbox.receiver.wait = lambda _url: None
    await outbox.send_due()
    assert len(outbox.receiver.posted) == 1  # the lease still holds
    await outbox.owner.execute("UPDATE notification_deliveries SET lease_end_time = now()")
    await outbox.send_due()
    assert outbox.receiver.ids == [event, event]
    lost, second = await outbox.attempts()
    assert (lost["attempt_number"], lost["outcome"], lost["request"]) == (1, "UNKNOWN", "")
    assert "ended before it recorded" in lost["error"]
    assert (second["attempt_number"], second["outcome"]) == (2, "DELIVERED")
    assert await outbox.states() == ["DELIVERED"]


async def test_a_result_that_comes_after_the_lease_is_recorded_and_changes_nothing(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    release = asyncio.Event()
    outbox.receiver.wait = lambda _url: release
    late = outbox.worker()
    await late.begin_due()
    async with asyncio.timeout(30):
        while not outbox.receiver.posted:
            await asyncio.sleep(0.01)
    outbox.receiver.wait = lambda _url: None
    await outbox.owner.execute("UPDATE notification_deliveries SET lease_end_time = now()")
    await outbox.send_due()
    outbox.receiver.answer = lambda _url: Answer(410, b"", "")
    release.set()
    await late.until_idle()
    assert await outbox.states() == ["DELIVERED"]
    assert (await outbox.channel_row())["state"] == "ENABLED"
    assert [row["outcome"] for row in await outbox.attempts()] == ["RETRY", "DELIVERED"]


@pytest.mark.parametrize(("header", "least_s", "most_s"), [("", 4, 6), ("600", 595, 601)])
async def test_a_failure_is_tried_again_later(outbox: Outbox, header: str, least_s: float, most_s: float) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    outbox.receiver.answer = lambda _url: Answer(503, b"busy", header)
    await outbox.send_due()
    wait_s = await outbox.owner.fetchval(
        "SELECT extract(epoch FROM next_attempt_time - now())::float8 FROM notification_deliveries"
    )
    assert least_s < wait_s < most_s
    assert (await outbox.channel_row())["failing_since"] is not None


async def test_a_delivery_is_given_up_after_three_days_and_the_next_one_is_sent(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    await outbox.owner.execute("UPDATE notification_deliveries SET create_time = now() - interval '73 hours'")
    await outbox.add_delivery(2)
    outbox.receiver.answer = lambda _url: (
        "the host name cannot be resolved" if len(outbox.receiver.posted) == 1 else FAILED
    )
    await outbox.send_due()
    assert await outbox.states() == ["FAILED", "PENDING"]
    first, second = await outbox.attempts()
    assert (first["http_status"], first["error"], first["address"]) == (None, "the host name cannot be resolved", "")
    assert second["http_status"] == 500


async def test_a_message_that_is_refused_is_not_repeated(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="SLACK")
    for number in (1, 2):
        await outbox.add_delivery(number)
    outbox.receiver.answer = lambda _url: Answer(400, b"invalid_payload", "")
    await outbox.send_due()
    await outbox.make_due()
    await outbox.send_due()
    assert await outbox.states() == ["FAILED", "FAILED"]
    assert (await outbox.channel_row())["state"] == "ENABLED"


async def test_a_receiver_that_is_gone_disables_its_channel(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    for number in (1, 2):
        await outbox.add_delivery(number)
    outbox.receiver.answer = lambda _url: Answer(410, b"", "")
    await outbox.send_due()
    await outbox.make_due()
    await outbox.send_due()
    assert len(outbox.receiver.posted) == 1
    row = await outbox.channel_row()
    assert (row["state"], row["disable_reason"]) == ("DISABLED", GONE_REASON)
    assert row["disable_time"] is not None


async def test_five_days_of_failures_disable_a_channel(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    await outbox.owner.execute("UPDATE notification_channels SET failing_since = now() - interval '5 days'")
    outbox.receiver.answer = lambda _url: FAILED
    await outbox.send_due()
    row = await outbox.channel_row()
    assert (row["state"], row["disable_reason"]) == ("DISABLED", FAILING_REASON)


async def test_a_chat_that_wants_a_pause_gets_one(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    await outbox.add_delivery(1)
    outbox.receiver.answer = lambda _url: Answer(200, b'{"errcode":130101,"errmsg":"send too fast"}', "")
    await outbox.send_due()
    muted = (await outbox.channel_row())["next_attempt_time"] - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=9) < muted <= dt.timedelta(minutes=10)
    assert await outbox.states() == ["PENDING"]


async def test_deliveries_of_a_deleted_channel_are_canceled(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    await outbox.owner.execute("DELETE FROM notification_channels")
    await outbox.send_due()
    assert (await outbox.states(), outbox.receiver.posted) == (["CANCELED"], [])


async def test_what_was_sent_is_recorded_although_nothing_further_can_be_leased(outbox: Outbox) -> None:
    """Seen to be sent again: both are done in one transaction."""
    await outbox.add_channel("ops")
    for number in (1, 2):
        await outbox.add_delivery(number)
    release = asyncio.Event()
    outbox.receiver.wait = lambda _url: release
    worker = outbox.worker()
    await worker.begin_due()
    async with asyncio.timeout(30):
        while not outbox.receiver.posted:
            await asyncio.sleep(0.01)
    await outbox.owner.execute("ALTER TABLE alert_events RENAME TO away")
    release.set()
    await worker.until_idle()
    await outbox.owner.execute("ALTER TABLE away RENAME TO alert_events")
    assert (len(outbox.receiver.posted), await outbox.states()) == (1, ["DELIVERED", "PENDING"])


async def test_what_waits_is_sent_although_its_rule_is_deleted(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    event = await outbox.add_delivery(1)
    await outbox.owner.execute("DELETE FROM notification_rules")
    await outbox.send_due()
    assert (outbox.receiver.ids, await outbox.states()) == ([event], ["DELIVERED"])


async def test_two_channels_with_the_same_url_get_an_alert_each_with_the_same_id(outbox: Outbox) -> None:
    for channel in ("one", "other"):
        await outbox.add_channel(channel, target="https://receiver.example/hook")
    event = await outbox.add_delivery(1, "one")
    await outbox.owner.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " VALUES ('acme', 'dlv-other', 'other', $1)",
        event,
    )
    await outbox.send_due()
    assert outbox.receiver.ids == [event, event]


async def test_what_a_receiver_echoes_is_bounded_and_without_secrets(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    echo = f"{SECRET} secret-path-of-the-hook \0\ud800".encode("utf-8", "surrogatepass") + b"x" * 60_000
    outbox.receiver.answer = lambda url: Answer(500, url.encode() + echo, "")
    await outbox.send_due()
    (attempt,) = await outbox.attempts()
    text = json.dumps(dict(attempt), default=str, ensure_ascii=False)
    assert SECRET not in text
    assert "secret-path" not in text
    assert len(attempt["answer"]) <= MAX_TEXT_BYTES


async def test_a_channel_that_cannot_be_opened_is_tried_again(outbox: Outbox) -> None:
    """As after an operator has mistyped the key."""
    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    await outbox.owner.execute("UPDATE notification_channels SET sealed_target = 'damaged'")
    await outbox.send_due()
    assert (outbox.receiver.posted, await outbox.states()) == ([], ["PENDING"])
    (attempt,) = await outbox.attempts()
    assert "cannot be opened" in attempt["error"]


async def test_a_fault_with_one_alert_stops_no_other(outbox: Outbox) -> None:
    await outbox.add_channel("bad")
    await outbox.add_channel("good")
    await outbox.add_delivery(1, "bad")
    await outbox.add_delivery(1, "good")

    def answer(url: str) -> Answer:
        if "bad" in url:
            raise RuntimeError
        return Answer(200, b"", "")

    outbox.receiver.answer = answer
    await outbox.send_due()
    assert (await outbox.states("bad"), await outbox.states("good")) == (["PENDING"], ["DELIVERED"])
