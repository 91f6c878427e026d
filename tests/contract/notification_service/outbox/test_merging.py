"""A storm of alerts to a chat arrives in few messages: whole, in order, and within what the product takes."""

import asyncio
import json
import re
import ssl

import asyncpg
import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.channels.kinds import MERGING
from notification_service.outbox.store import ChannelKey, Taken, Turn, take_turns
from notification_service.outbox.worker import Worker
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.posting import Answer, Poster
from tests.contract.notification_service.outbox.deliveries import Outbox
from tests.support.chats.dingtalk_server import MOST_A_MINUTE, SECRET, Robot, running_robot

ACCEPTED = Answer(200, b'{"errcode":0,"errmsg":"ok"}', "")
REFUSED = Answer(200, b'{"errcode":40035,"errmsg":"bad message"}', "")


def names_in(text: str) -> list[int]:
    """The numbers of the alerts in a text, each named `Key 7`."""
    return [int(number) for number in re.findall(r"Key (\d+) has used", text)]


def texts_of(outbox: Outbox) -> list[list[int]]:
    return [names_in(json.loads(body)["markdown"]["text"]) for _, _, body in outbox.receiver.posted]


async def add(outbox: Outbox, *numbers: int) -> None:
    for number in numbers:
        await outbox.add_delivery(number, name=f"Key {number}")


@pytest.mark.timeout(120)
async def test_a_storm_reaches_a_robot_that_takes_twenty_messages_a_minute(outbox: Outbox) -> None:
    """Seen to fail with a message for each alert, and without the bucket: the robot was muted."""
    robot = Robot()
    async with running_robot(robot) as (url, port):
        await outbox.add_channel("ops", kind="DINGTALK", target=url, secret=SECRET)
        resolver = SystemResolver()
        allowed = AllowedTargets(frozenset({("127.0.0.1", port)}))
        worker = outbox.worker(Poster(resolver.resolve, allowed, ssl.create_default_context()))
        running = asyncio.create_task(worker.run())
        for first in range(0, 500, 50):
            await add(outbox, *range(first, first + 50))
            await asyncio.sleep(0.3)
        async with asyncio.timeout(60):
            while set(await outbox.states()) != {"DELIVERED"}:
                await asyncio.sleep(0.2)
        running.cancel()
        await worker.until_idle()
        resolver.close()
    arrived = [names_in(text) for text in robot.texts]
    assert [number for numbers in arrived for number in numbers] == list(range(500))
    assert len(robot.texts) <= MOST_A_MINUTE
    assert not robot.is_muted
    rows = await outbox.owner.fetch(
        "SELECT array_agg(event_id ORDER BY create_time) AS events FROM delivery_attempts JOIN notification_deliveries"
        " USING (organization_id, delivery_id) GROUP BY coalesce(nullif(message_id, ''), delivery_id) ORDER BY min(create_time)"
    )
    assert [[int(event.rpartition("-")[2]) for event in row["events"]] for row in rows] == arrived


async def test_a_single_alert_does_not_wait(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    outbox.receiver.answer = lambda _url: ACCEPTED
    for number in range(4):
        await add(outbox, number)
        await outbox.send_due()
    assert texts_of(outbox) == [[0], [1], [2], [3]]
    await add(outbox, 4)
    await outbox.send_due()
    await add(outbox, 5)
    await outbox.send_due()
    assert len(outbox.receiver.posted) == 4  # the bucket is empty
    await outbox.make_due()
    await outbox.send_due()
    assert texts_of(outbox)[4:] == [[4, 5]]


async def test_what_is_refused_in_company_is_sent_alone_and_only_the_culprit_is_given_up(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    await add(outbox, *range(5))
    outbox.receiver.answer = lambda _url: REFUSED if 3 in texts_of(outbox)[-1] else ACCEPTED
    for _ in range(4):
        await outbox.send_due()
        await outbox.make_due()
    assert texts_of(outbox) == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]
    assert await outbox.states() == ["DELIVERED", "DELIVERED", "DELIVERED", "FAILED", "DELIVERED"]


async def test_a_message_that_fails_is_sent_again_with_what_came_meanwhile(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    await add(outbox, 0, 1)
    outbox.receiver.answer = lambda _url: Answer(503, b"", "")
    await outbox.send_due()
    await add(outbox, 2)
    await outbox.make_due()
    outbox.receiver.answer = lambda _url: ACCEPTED
    await outbox.send_due()
    assert texts_of(outbox) == [[0, 1], [0, 1, 2]]
    assert [(row["delivery_id"][-1], row["attempt_number"], row["outcome"]) for row in await outbox.attempts()] == [
        ("0", 1, "RETRY"), ("0", 2, "DELIVERED"), ("1", 1, "RETRY"), ("1", 2, "DELIVERED"), ("2", 1, "DELIVERED"),
    ]  # fmt: skip


async def test_a_process_that_dies_leaves_one_unknown_attempt_for_each_alert(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    await add(outbox, 0, 1)
    outbox.receiver.wait = lambda _url: asyncio.Event()
    worker = outbox.worker()
    await _until_posted(outbox, worker)
    await worker.stop(0)
    outbox.receiver.wait = lambda _url: None
    outbox.receiver.answer = lambda _url: ACCEPTED
    await outbox.owner.execute("UPDATE notification_deliveries SET lease_end_time = now()")
    await outbox.send_due()
    assert texts_of(outbox) == [[0, 1], [0, 1]]
    assert [(row["attempt_number"], row["outcome"]) for row in await outbox.attempts()] == [
        (1, "UNKNOWN"), (2, "DELIVERED"), (1, "UNKNOWN"), (2, "DELIVERED"),
    ]  # fmt: skip


async def test_several_processes_keep_the_order_of_a_storm(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="FEISHU")
    outbox.receiver.answer = lambda _url: Answer(200, b'{"code":0}', "")
    workers = [outbox.worker() for _ in range(3)]
    for number in range(0, 60, 3):
        await add(outbox, number, number + 1, number + 2)
        await outbox.owner.execute("UPDATE notification_channels SET next_attempt_time = now()")
        await asyncio.gather(*(worker.begin_due() for worker in workers))
    for _ in range(20):
        await asyncio.gather(*(worker.until_idle() for worker in workers))
        await outbox.make_due()
        await asyncio.gather(*(worker.begin_due() for worker in workers))
    await asyncio.gather(*(worker.until_idle() for worker in workers))
    texts = [json.dumps(json.loads(body), ensure_ascii=False) for _, _, body in outbox.receiver.posted]
    assert [number for text in texts for number in dict.fromkeys(names_in(text))] == list(range(60))


@pytest.mark.parametrize("meanwhile", [
    "claim = 'another', lease_end_time = now() + interval '1 minute', attempt_count = 1",
    "next_attempt_time = now() + interval '1 hour', attempt_count = 1",
    "state = 'DELIVERED', next_attempt_time = NULL, end_time = now()",
], ids=["leased", "postponed", "delivered"])  # fmt: skip
async def test_a_process_that_is_overtaken_leaves_the_whole_message_alone(
    outbox: Outbox, database_url: str, meanwhile: str
) -> None:
    """Another process commits what it did with the first alert after this one has looked, and before it takes it."""
    await outbox.add_channel("ops", kind="FEISHU")
    await add(outbox, 1, 2)
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute(f"UPDATE notification_deliveries SET {meanwhile} WHERE delivery_id = 'dlv-ops-1'")  # noqa: S608
    leasing = asyncio.create_task(take_turns(outbox.pool, [Turn(ChannelKey("acme", "ops"), None, "this")], MERGING))
    async with asyncio.timeout(30):
        while not await outbox.owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    await transaction.commit()
    assert await leasing == [Taken(holds=True, next=None)]
    await other.close()
    claims = await outbox.owner.fetch("SELECT claim FROM notification_deliveries ORDER BY delivery_id")
    assert "this" not in [row["claim"] for row in claims]


async def _until_posted(outbox: Outbox, worker: Worker) -> None:
    await worker.begin_due()
    async with asyncio.timeout(30):
        while not outbox.receiver.posted:
            await asyncio.sleep(0.01)
