"""Channels that point inside, or lie about success: the alerts do not reach them, and the attempts say why."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.transport.guarded_connections import Resolve, SystemResolver
from notification_service.transport.posting import Answer, Poster
from tests.contract.notification_service.outbox.deliveries import Outbox


async def add_test(outbox: Outbox, channel: str) -> None:
    """Does what the test button does: an event of its own, sent as every other."""
    await outbox.owner.execute(
        "INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path,"
        " occasion, threshold, data, occur_time) VALUES ('acme', 'evt-test', 'test', 'INFO', '', 'organization', 'acme', '{}',"
        " 'evt-test', '', $1, now())",
        json.dumps({"version": 1, "severity": "INFO"}),
    )
    await outbox.owner.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " VALUES ('acme', 'dlv-test', $1, 'evt-test')",
        channel,
    )


async def send_due(outbox: Outbox, resolve: Resolve) -> None:
    worker = outbox.worker(Poster(resolve, AllowedTargets(), ssl.create_default_context(), deadline_s=5.0))
    await worker.begin_due()
    await worker.until_idle()


@pytest.fixture
async def listening() -> AsyncIterator[list[str]]:
    """A server of this machine on a port of its own. Notes who connects."""
    reached: list[str] = []

    async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    reached.append(str(server.sockets[0].getsockname()[1]))
    yield reached
    server.close()


@pytest.mark.parametrize("target", [
    "https://127.0.0.1/hook", "https://localhost/hook", "https://169.254.169.254/latest/meta-data", "https://[::1]/hook",
    "http://127.0.0.1:{port}/hook", "https://127.0.0.1:{port}/hook", "https://0x7f.1/hook",
])  # fmt: skip
async def test_the_test_button_is_no_way_to_an_internal_address(
    outbox: Outbox, listening: list[str], target: str
) -> None:
    port = listening.pop()
    await outbox.add_channel("ops", target=target.format(port=port))
    await add_test(outbox, "ops")
    resolver = SystemResolver()
    await send_due(outbox, resolver.resolve)
    resolver.close()
    (attempt,) = await outbox.attempts()
    assert (attempt["outcome"], attempt["http_status"], attempt["address"], listening) == ("RETRY", None, "", [])
    assert any(reason in attempt["error"] for reason in ("not public", "must be 443", "must begin with https"))
    assert await outbox.states() == ["PENDING"]


async def test_a_name_that_points_inside_at_a_later_attempt_is_refused_then(outbox: Outbox) -> None:
    answers = iter((["192.0.2.1"], ["10.0.0.5"], ["93.184.215.14", "169.254.169.254"]))

    async def changing(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    await outbox.add_channel("ops")
    await outbox.add_delivery(1)
    for _ in range(3):
        await send_due(outbox, changing)
        await outbox.make_due()
    errors = [row["error"] for row in await outbox.attempts()]
    assert errors == ["the host has an address that is not public"] * 3


@pytest.mark.parametrize(("kind", "body", "state"), [
    ("DINGTALK", '{"errcode":310000,"errmsg":"keywords not in content"}', "PENDING"),
    ("FEISHU", '{"code":19024,"msg":"Key Words Not Found"}', "PENDING"),
    ("WECOM", '{"errcode":40058,"errmsg":"invalid Request Parameter"}', "FAILED"),
    ("SLACK", "invalid_token", "PENDING"),
])  # fmt: skip
async def test_an_error_in_the_body_of_a_200_is_no_success(outbox: Outbox, kind: str, body: str, state: str) -> None:
    await outbox.add_channel("ops", kind=kind)
    await outbox.add_delivery(1)
    outbox.receiver.answer = lambda _url: Answer(200, body.encode(), "")
    await outbox.send_due()
    assert await outbox.states() == [state]
    (attempt,) = await outbox.attempts()
    assert attempt["http_status"] == 200
    assert attempt["error"]
