import base64
import datetime as dt
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from mock_provider.inbox.messages import Inbox
from mock_provider.inbox.server import build_application

SECRET, OTHER = (f"whsec_{base64.b64encode(bytes([number] * 24)).decode()}" for number in (1, 2))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner = web.AppRunner(build_application(Inbox(SECRET, most=3)))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    await runner.cleanup()


def signed(event: dict[str, object], secret: str = SECRET) -> tuple[dict[str, str], str]:
    body, now = json.dumps(event), dt.datetime.now(dt.UTC)
    headers = {
        "webhook-id": str(event["id"]),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(str(event["id"]), now, body),
    }
    return headers, body


def event_of(number: int, name: str = "Team A") -> dict[str, object]:
    return {"id": f"evt-{number}", "type": "test", "time": "2026-11-03T12:00:00Z", "data": {"name": name}}


async def test_a_message_is_verified_and_shown_once(url: str) -> None:
    headers, body = signed(event_of(1, "<b>Team</b>"))
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(f"{url}/any/path", data=body, headers=headers) as answer:
                assert answer.status == 204
        async with session.get(f"{url}/messages") as answer:
            assert await answer.json() == [{**event_of(1, "<b>Team</b>"), "verified": True}]
        async with session.get(url) as answer:
            page = await answer.text()
        assert "verified (received 2 times)" in page
        assert "&lt;b&gt;Team&lt;/b&gt;" in page
        async with session.delete(f"{url}/messages") as answer:
            assert answer.status == 204
        async with session.get(f"{url}/messages") as answer:
            assert await answer.json() == []


async def test_a_message_of_another_secret_or_of_none_is_shown_as_not_verified(url: str) -> None:
    headers, body = signed(event_of(1), OTHER)
    async with aiohttp.ClientSession() as session:
        await session.post(url, data=body, headers=headers)
        await session.post(url, data=json.dumps(event_of(2)))
        async with session.get(f"{url}/messages") as answer:
            assert [message["verified"] for message in await answer.json()] == [False, False]


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"id": 1}', "[" * 50_000])
async def test_what_is_no_event_is_refused(url: str, body: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
        assert answer.status == 400


async def test_only_the_last_messages_are_kept(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for number in range(5):
            headers, body = signed(event_of(number))
            await session.post(url, data=body, headers=headers)
        async with session.get(f"{url}/messages") as answer:
            assert [message["id"] for message in await answer.json()] == ["evt-2", "evt-3", "evt-4"]
