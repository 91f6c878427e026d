"""Channels and deliveries for tests, and a receiver whose answers are scripted."""

import asyncio
import base64
import datetime as dt
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.runtime.settings import NotificationSettings
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.stores.channel_seals import Place, seal
from gateway_core.stores.postgres.connections import open_pool
from notification_service.metrics import AttemptMetrics
from notification_service.outbox.attempts import Posts, Sender
from notification_service.outbox.worker import Worker
from notification_service.transport.lines import Line
from notification_service.transport.posting import Answer, Exchange
from notification_service.wiring import ROLE

KEY: Final = bytes(range(32))
SECRET: Final = f"whsec_{base64.b64encode(bytes(24)).decode()}"


class Receiver:
    """Takes the place of the network: records what is posted, and gives the answers of the test."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[str], Answer | str] = lambda _url: Answer(200, b"ok", "")
        self.wait: Callable[[str], asyncio.Event | None] = lambda _url: None

    async def post(self, url: str, headers: dict[str, str], body: bytes, _line: Line) -> Exchange:
        self.posted.append((url, headers, body))
        if (event := self.wait(url)) is not None:
            await event.wait()
        answer = self.answer(url)
        if isinstance(answer, str):
            return Exchange(0.01, "", None, answer)
        return Exchange(0.01, "192.0.2.1", answer, "")

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for _, _, body in self.posted]


@dataclass
class Outbox:
    """The database of a test, with a worker."""

    owner: asyncpg.Connection
    pool: asyncpg.Pool
    receiver: Receiver
    passed: dt.timedelta = dt.timedelta()
    """Simulated time, besides what passes anyway."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.passed

    def worker(self, poster: Posts | None = None) -> Worker:
        sender = Sender(poster or self.receiver, [KEY], self.now, lambda: 0.5, "gateway@megarouter.example")
        return Worker(
            self.pool,
            sender,
            AttemptMetrics(NO_METRICS),
            lambda: os.urandom(8).hex(),
            lambda: self.now() if self.passed else None,
        )

    async def send_due(self) -> None:
        """Sends all that is due."""
        worker = self.worker()
        await worker.begin_due()
        await worker.until_idle()

    async def add_organization(self, organization: str) -> None:
        await self.owner.execute(
            "INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", organization
        )

    async def add_channel(
        self,
        channel: str,
        organization: str = "acme",
        kind: str = "CALLBACK",
        target: str | None = None,
        secret: str | None = None,
    ) -> None:
        signing = secret or (SECRET if kind == "CALLBACK" else None)
        url = target or f"https://{channel}.example/secret-path-of-the-hook"
        await self.owner.execute(
            "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target,"
            " sealed_secret) VALUES ($1, $2, $3, $2, 'hint', $4, $5)",
            organization,
            channel,
            kind,
            seal(url, Place(organization, channel, "target"), KEY, os.urandom),
            seal(signing, Place(organization, channel, "secret"), KEY, os.urandom) if signing else None,
        )

    async def add_delivery(
        self, number: int, channel: str = "ops", organization: str = "acme", name: str = "Alice"
    ) -> str:
        """Adds an event with a delivery. Later numbers were added later."""
        event, delivery = f"evt-{channel}-{number}", f"dlv-{channel}-{number}"
        await self.owner.execute(
            "INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path,"
            " occasion, threshold, data, occur_time) VALUES ($1, $2, 'budget.threshold_reached', 'WARNING', 'budgets', 'member',"
            " 'alice', '{}', $2, '80%', $3, now())",
            organization,
            event,
            json.dumps({"scope": {"displayName": name}, "threshold": {"percent": 80}}),
        )
        await self.owner.execute(
            "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id, create_time)"
            " VALUES ($1, $2, $3, $4, now() - interval '1 hour' + make_interval(secs => $5))",
            organization,
            delivery,
            channel,
            event,
            number,
        )
        return event

    async def make_due(self) -> None:
        """Lets time pass until everything that waits is due."""
        await self.owner.execute(
            "UPDATE notification_deliveries SET next_attempt_time = now() WHERE state = 'PENDING';"
            "UPDATE notification_channels SET next_attempt_time = now()"
        )

    async def states(self, channel: str = "ops") -> list[str]:
        rows = await self.owner.fetch(
            "SELECT state FROM notification_deliveries WHERE channel_id = $1 ORDER BY create_time", channel
        )
        return [row["state"] for row in rows]

    async def channel_row(self, channel: str = "ops") -> asyncpg.Record:
        row = await self.owner.fetchrow("SELECT * FROM notification_channels WHERE channel_id = $1", channel)
        assert row is not None
        return row

    async def attempts(self) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.owner.fetch(
            "SELECT * FROM delivery_attempts ORDER BY delivery_id, attempt_number"
        )
        return found


def make_settings(database_url: str) -> NotificationSettings:
    return NotificationSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "notification_database_url": login_url(database_url, ROLE),
            "channel_key": KEY.hex(),
        }
    )


@asynccontextmanager
async def opened_outbox(database_url: str, owner: asyncpg.Connection) -> AsyncIterator[Outbox]:
    async with open_pool(make_settings(database_url), ROLE) as pool:
        outbox = Outbox(owner, pool, Receiver())
        await outbox.add_organization("acme")
        yield outbox
