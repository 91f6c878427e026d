"""Receivers that are down for days, in simulated time: the clock of the worker and of what is due is the test's."""

import datetime as dt
import json

import pytest

from notification_service.outbox.attempts import FAILING_REASON
from notification_service.transport.posting import Answer
from tests.contract.notification_service.outbox.deliveries import Outbox

DOWN = "no address of the host can be connected to"
HOUR_S = 3_600.0
ACCEPTED = {"CALLBACK": Answer(204, b"", ""), "DINGTALK": Answer(200, b'{"errcode":0}', "")}
_NEXT = """
SELECT greatest(d.next_attempt_time, c.next_attempt_time)
  FROM notification_deliveries d JOIN notification_channels c USING (channel_id)
 WHERE d.state = 'PENDING' AND c.state = 'ENABLED' ORDER BY d.create_time, d.delivery_id LIMIT 1
"""


class Days:
    """Lets time pass until a receiver that is down comes back, and longer."""

    def __init__(self, outbox: Outbox, kind: str, down_for_h: float) -> None:
        self._outbox = outbox
        self._start = outbox.now()
        self._down_until = self._start + dt.timedelta(hours=down_for_h)
        self.sent_after_h: list[float] = []
        outbox.receiver.answer = lambda _url: self._answer(kind)

    def _answer(self, kind: str) -> Answer | str:
        self.sent_after_h.append((self._outbox.now() - self._start).total_seconds() / HOUR_S)
        return DOWN if self._outbox.now() < self._down_until else ACCEPTED[kind]

    async def pass_until(self, hours: float) -> None:
        """Makes every attempt that is due until then, each at its time."""
        end = self._start + dt.timedelta(hours=hours)
        while (due := await self._outbox.owner.fetchval(_NEXT)) is not None and due <= end:
            self._outbox.passed = max(due + dt.timedelta(milliseconds=1) - dt.datetime.now(dt.UTC), self._outbox.passed)
            await self._outbox.send_due()
        self._outbox.passed = end - dt.datetime.now(dt.UTC)


async def add(outbox: Outbox, *numbers: int) -> None:
    """Adds alerts of this moment."""
    for number in numbers:
        await outbox.add_delivery(number, name=f"Key {number}")
        await outbox.owner.execute(
            "UPDATE notification_deliveries SET create_time = $1, next_attempt_time = $1 WHERE delivery_id = $2",
            outbox.now(),
            f"dlv-ops-{number}",
        )


async def test_a_callback_that_is_down_for_a_day_gets_every_alert_in_order(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await add(outbox, 1, 2, 3)
    days = Days(outbox, "CALLBACK", down_for_h=24)
    await days.pass_until(80)
    assert await outbox.states() == ["DELIVERED"] * 3
    assert outbox.receiver.ids == ["evt-ops-1"] * 8 + ["evt-ops-2", "evt-ops-3"]
    planned = [0, 5 / 3_600, 305 / 3_600, 2_105 / 3_600, 2.585, 7.585, 17.585, 27.585]
    assert days.sent_after_h[:8] == pytest.approx(planned, abs=0.05)
    attempts = [row for row in await outbox.attempts() if row["delivery_id"] == "dlv-ops-1"]
    assert [row["attempt_number"] for row in attempts] == list(range(1, 9))
    assert {row["outcome"] for row in attempts[:-1]} == {"RETRY"}


async def test_a_chat_that_is_down_for_a_day_gets_the_last_attempt_at_its_end(outbox: Outbox) -> None:
    await outbox.add_channel("ops", kind="DINGTALK")
    await add(outbox, 1, 2)
    days = Days(outbox, "DINGTALK", down_for_h=23)
    await days.pass_until(30)
    assert await outbox.states() == ["DELIVERED", "DELIVERED"]
    assert days.sent_after_h[-1] == pytest.approx(24, abs=0.1)
    text = json.loads(outbox.receiver.posted[-1][2])["markdown"]["text"]
    assert "Key 1 " in text
    assert "Key 2 " in text


async def test_what_a_receiver_misses_for_three_days_is_a_dead_letter_and_later_alerts_arrive(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    await add(outbox, 1)
    days = Days(outbox, "CALLBACK", down_for_h=75)
    await days.pass_until(40)
    await add(outbox, 2)
    await days.pass_until(71)
    assert await outbox.states() == ["PENDING", "PENDING"]
    await days.pass_until(74)
    assert await outbox.states() == ["FAILED", "PENDING"]
    await days.pass_until(90)
    assert await outbox.states() == ["FAILED", "DELIVERED"]
    assert days.sent_after_h[-2] < 75 < days.sent_after_h[-1]


async def test_a_receiver_that_is_down_for_five_days_is_switched_off(outbox: Outbox) -> None:
    await outbox.add_channel("ops")
    days = Days(outbox, "CALLBACK", down_for_h=10_000)
    for day in range(7):
        await add(outbox, day)
        await days.pass_until(24 * (day + 1))
    row = await outbox.channel_row()
    assert (row["state"], row["disable_reason"]) == ("DISABLED", FAILING_REASON)
    assert 5 * 24 <= max(days.sent_after_h) <= 5 * 24 + 10.1


async def test_a_delivery_that_is_sent_again_after_days_gets_a_whole_schedule(outbox: Outbox) -> None:
    """Seen to fail when the age counted from the event: one attempt, and it was given up again."""
    await outbox.add_channel("ops")
    await add(outbox, 1)
    days = Days(outbox, "CALLBACK", down_for_h=10_000)
    await days.pass_until(80)
    assert await outbox.states() == ["FAILED"]
    given_up_after = len(await outbox.attempts())
    await outbox.owner.execute(  # as the admin API does
        "UPDATE notification_deliveries SET state = 'PENDING', next_attempt_time = $1, end_time = NULL, schedule_start_time = $1,"
        " former_attempt_count = attempt_count",
        outbox.now(),
    )
    await days.pass_until(120)
    attempts = await outbox.attempts()
    first, second, third = (row["start_time"] for row in attempts[given_up_after : given_up_after + 3])
    assert ((second - first).total_seconds(), (third - second).total_seconds()) == pytest.approx((5, 300), abs=2)
    assert len(attempts) >= given_up_after + 7
    assert await outbox.states() == ["PENDING"]
    assert [row["attempt_number"] for row in attempts] == list(range(1, len(attempts) + 1))


@pytest.mark.parametrize("off", [dt.timedelta(days=6), -dt.timedelta(days=6)], ids=["ahead", "behind"])
async def test_a_process_whose_clock_is_wrong_mutes_no_chat_and_gives_up_nothing(
    outbox: Outbox, off: dt.timedelta
) -> None:
    """Seen to mute a chat for six days, to give its message up, and to send again before the pause that a product wants is over."""
    await outbox.add_channel("ops", kind="DINGTALK")
    await outbox.add_delivery(1)
    await outbox.add_delivery(2)
    answers = [Answer(500, b"", ""), Answer(200, b'{"errcode":0}', ""), Answer(200, b'{"errcode":130101}', "")]
    outbox.receiver.answer = lambda _url: answers[len(outbox.receiver.posted) - 1]
    outbox.now = lambda: dt.datetime.now(dt.UTC) + off  # type: ignore[method-assign]
    await outbox.send_due()
    assert await outbox.states() == ["PENDING", "PENDING"]
    row = await outbox.channel_row()
    assert row["next_attempt_time"] < dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    await outbox.make_due()
    await outbox.send_due()
    assert await outbox.states() == ["DELIVERED", "DELIVERED"]
    await outbox.add_delivery(3)
    await outbox.make_due()
    await outbox.send_due()
    muted = (await outbox.channel_row())["next_attempt_time"] - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=9) < muted <= dt.timedelta(minutes=10)
    assert (await outbox.channel_row())["state"] == "ENABLED"
