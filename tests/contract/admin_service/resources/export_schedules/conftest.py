"""Schedules that run only when a test says so, by a clock of the test."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1.export_schedule_pb2 import (
    CreateExportScheduleRequest,
    ExportSchedule,
    GetExportScheduleRequest,
)
from megarouter.admin.v1.usage_export_pb2 import ExportUsageRequest

from admin_service.resources.export_schedules.running import ScheduleRunner
from admin_service.resources.usage_exports.running import ExportRunner
from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.conftest import Client

ORGANIZATION = "organizations/acme"


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def schedule(**fields: Any) -> ExportSchedule:
    return ExportSchedule(
        **{
            "display_name": "Calls of yesterday",
            "format": "USAGE_EXPORT_FORMAT_CSV",
            "period": "PERIOD_PREVIOUS_DAY",
            "cadence": "CADENCE_DAILY",
            "hour": 6,
            **fields,
        }
    )


def creation(**fields: Any) -> CreateExportScheduleRequest:
    return CreateExportScheduleRequest(parent=ORGANIZATION, export_schedule=schedule(**fields))


async def created(client: Client, member: str = "super", **fields: Any) -> ExportSchedule:
    made: ExportSchedule = await client.call("CreateExportSchedule", creation(**fields), member)
    return made


async def present(client: Client, one: ExportSchedule, member: str = "super") -> ExportSchedule:
    found: ExportSchedule = await client.call("GetExportSchedule", GetExportScheduleRequest(name=one.name), member)
    return found


@pytest.fixture(autouse=True)
def resting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rest(_runner: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ExportRunner, "keep_running", rest)
    monkeypatch.setattr(ScheduleRunner, "keep_running", rest)


@pytest.fixture
async def client(resting: None, client: Client) -> Client:
    return client


@dataclass
class Clock:
    """The time that runners believe it is, and what they did."""

    pool: asyncpg.Pool
    owner: asyncpg.Connection
    time: dt.datetime

    def runner(self) -> ScheduleRunner:
        return ScheduleRunner(self.pool, lambda prefix: f"{prefix}-{next(_NUMBERS)}", lambda: self.time)

    async def start_at(self, text: str) -> None:
        """Makes all schedules wait for their first time after this one."""
        self.time = utc(text)
        await self.owner.execute("UPDATE export_schedules SET due_after = $1, next_run_time = $1", self.time)

    async def run_at(self, text: str) -> int:
        self.time = utc(text)
        return await self.runner().run_due()

    async def periods(self) -> list[str]:
        """The periods of the exports of schedules, the earliest first."""
        rows = await self.owner.fetch(
            "SELECT request FROM usage_exports WHERE schedule_id <> '' ORDER BY create_time, export_id"
        )
        return [_period(row["request"]) for row in rows]


_NUMBERS = count(1_000)


def _period(request: bytes) -> str:
    asked = ExportUsageRequest.FromString(request).time_range
    return f"{asked.start_time.ToDatetime():%m-%dT%H:%M} {asked.end_time.ToDatetime():%m-%dT%H:%M}"


@pytest.fixture
async def clock(database_url: str, owner: asyncpg.Connection, client: Client) -> AsyncIterator[Clock]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=2, max_size=4) as pool:
        yield Clock(pool, owner, utc("2026-01-01T00:00"))
