"""Measures how fast notification_service sends what waits, and its memory: `python -m benchmarks.deliveries`.

It starts its own PostgreSQL, a receiver that accepts everything, and notification_service as a process. The deliveries wait for
channels of many organizations, as after an outage. Callbacks get each alert by itself; chats get as much as goes into a message,
as fast as their product allows.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.process_times import cpu_s, postgres_process
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import start_postgres
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.channel_seals import Place, seal
from notification_service.wiring import ROLE
from tests.support.ports import free_port

KEY: Final = bytes(32)
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of the benchmark
ORGANIZATIONS: Final = 50
CHANNELS: Final = 10
"""Of each organization."""
_POLL_S: Final = 0.25
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
_EVENTS: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
SELECT 'org-' || n % $2, 'evt-' || n, 'budget.threshold_reached', 'WARNING', 'budgets', 'member', 'alice', '{}', n::text, '80%',
       jsonb_build_object('version', 1, 'scope', jsonb_build_object('displayName', 'Alice ' || n),
                          'threshold', jsonb_build_object('percent', 80), 'spentNanoCredits', '1812500000000'), now()
  FROM generate_series(0, $1::int - 1) n
"""
_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id, create_time)
SELECT 'org-' || n % $2, 'dlv-' || n, 'channel-' || n / $2 % $3, 'evt-' || n, now() - interval '1 hour' + n * interval '1 ms'
  FROM generate_series(0, $1::int - 1) n
"""
_COUNT: Final = "SELECT count(*) FROM notification_deliveries WHERE state = 'PENDING'"


@dataclass(slots=True)
class Receiver:
    """Accepts everything, and counts."""

    messages: int = 0

    async def callback(self, request: web.Request) -> web.Response:
        """A callback."""
        await request.read()
        self.messages += 1
        return web.Response(status=204)

    async def dingtalk(self, request: web.Request) -> web.Response:
        """A chat whose product has no limit of its own here."""
        await request.read()
        self.messages += 1
        return web.json_response({"errcode": 0, "errmsg": "ok"})


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[int]:
    """Runs the receiver. Yields its port."""
    application = web.Application()
    application.router.add_post("/callback", receiver.callback)
    application.router.add_post("/dingtalk", receiver.dingtalk)
    async with TestServer(application) as server:
        yield int(server.port or 0)


async def fill(owner: asyncpg.Connection, count: int, kind: str, port: int) -> None:
    """Lets so many deliveries wait."""
    url = f"http://127.0.0.1:{port}/{kind.lower()}"
    for number in range(ORGANIZATIONS):
        organization = f"org-{number}"
        await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", organization)
        for channel in (f"channel-{one}" for one in range(CHANNELS)):
            await owner.execute(
                "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target,"
                " sealed_secret) VALUES ($1, $2, $3, $2, 'here', $4, $5)",
                organization, channel, kind, seal(url, Place(organization, channel, "target"), KEY, os.urandom),
                seal(SECRET, Place(organization, channel, "secret"), KEY, os.urandom) if kind == "CALLBACK" else None,
            )  # fmt: skip
    await owner.execute(_EVENTS, count, ORGANIZATIONS)
    await owner.execute(_DELIVERIES, count, ORGANIZATIONS, CHANNELS)
    await owner.execute("VACUUM ANALYZE")


@asynccontextmanager
async def sending(database_url: str, port: int) -> AsyncIterator[int]:
    """Runs notification_service. Yields the id of its process."""
    environment = {
        **os.environ,
        "MEGAROUTER_LISTEN": f"127.0.0.1:{free_port()}",
        "MEGAROUTER_NOTIFICATION_DATABASE_URL": login_url(database_url, ROLE),
        "MEGAROUTER_CHANNEL_KEY": KEY.hex(),
        "MEGAROUTER_NOTIFICATION_ALLOWED_TARGETS": f"127.0.0.1:{port}",
        "MEGAROUTER_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "notification_service", env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def measure(database_url: str, count: int, kind: str, seconds: float) -> None:
    """Prints one line."""
    owner = await asyncpg.connect(database_url)
    await migrate_with_derived_logins(owner, database_url)
    receiver = Receiver()
    async with receiving(receiver) as port:
        await fill(owner, count, kind, port)
        postgres = await postgres_process(database_url)
        async with sending(database_url, port) as process:
            while receiver.messages == 0:  # noqa: ASYNC110 - the process is starting
                await asyncio.sleep(0.01)
            waiting, started_s = await owner.fetchval(_COUNT), time.monotonic()
            before = [cpu_s(process), cpu_s(postgres), float(receiver.messages)]
            while (left := await owner.fetchval(_COUNT)) and time.monotonic() - started_s < seconds:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
            elapsed_s, sent = time.monotonic() - started_s, waiting - left
            used = [cpu_s(process) - before[0], cpu_s(postgres) - before[1], receiver.messages - before[2]]
            peak = _PEAK.search(Path(f"/proc/{process}/status").read_text(encoding="ascii"))  # noqa: ASYNC240 - no disk
    await owner.close()
    peak_mib = int(peak.group(1)) / 1_024 if peak else 0.0
    print(  # noqa: T201
        f"{kind:9} {count:8,} waited  {sent / elapsed_s:7.0f} deliveries/s  {used[2] / elapsed_s:7.0f} messages/s"
        f"  {used[0] / max(sent, 1) * 1e6:6.0f} µs CPU each  {used[1] / max(sent, 1) * 1e6:6.0f} µs in PostgreSQL"
        f"  {peak_mib:6.0f} MiB at most  {left:8,} left after {elapsed_s:.0f} s"
    )


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, action="append", help="how many wait (default: 1000 and 100000)")
    parser.add_argument(
        "--kind", action="append", choices=("CALLBACK", "DINGTALK"), help="only this kind; may be repeated"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="longest measurement (default: %(default)s)")
    arguments = parser.parse_args()
    for kind in arguments.kind or ("CALLBACK", "DINGTALK"):
        for count in arguments.deliveries or (1_000, 100_000):
            with (
                tempfile.TemporaryDirectory() as folder,
                start_postgres(Path(folder) / "postgres", free_port()) as server,
            ):
                asyncio.run(measure(server.url, count, kind, arguments.seconds))


if __name__ == "__main__":
    main()
