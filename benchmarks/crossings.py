"""Measures the time from a call that crosses a threshold to the callback that tells of it: `python -m benchmarks.crossings`.

It starts a whole stack. Each round makes one call through Envoy with a key of its own, whose budget that call uses up, and waits
until the inbox has received the alert. The time is from the end of the call, as its caller sees it, to the end of the attempt.
"""

import argparse
import asyncio
import datetime as dt
import json
import math
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg

from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.inbox_channel import send_to_inbox
from tests.support.data.tenants import Tenant, make_tenant, until_applied
from tests.support.faults.load import call, chat
from tests.support.ports import free_port_base

_ARRIVED: Final = """
SELECT a.start_time + make_interval(secs => a.duration_ms / 1000.0)
  FROM alert_events e
  JOIN notification_deliveries d ON d.organization_id = e.organization_id AND d.event_id = e.event_id
  JOIN delivery_attempts a ON a.organization_id = d.organization_id AND a.delivery_id = d.delivery_id
 WHERE e.organization_id = $1 AND e.scope_id = $2 AND a.outcome = 'DELIVERED'
"""
_POLL_S: Final = 0.05
_ARRIVES_WITHIN_S: Final = 60.0


def main() -> None:
    """Prints the times of some crossings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crossings", type=int, default=100)
    crossings: int = parser.parse_args().crossings
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        stack = Stack(Path(directory) / "stack", free_port_base())
        stack.start()
        try:
            loads, times_s = asyncio.run(_measured(stack, crossings))
        finally:
            stack.stop()
    times_s.sort()
    p99 = times_s[math.ceil(0.99 * len(times_s)) - 1]
    print(  # noqa: T201 - the result
        f"{len(times_s)} crossings: median {statistics.median(times_s):.2f} s, p99 {p99:.2f} s, at most {times_s[-1]:.2f} s,"
        f" at a load of {min(loads):.1f} to {max(loads):.1f}"
    )


async def _measured(stack: Stack, crossings: int) -> tuple[Sequence[float], list[float]]:
    base_url = stack.environment["MEGAROUTER_BASE_URL"]
    loads, times_s = [], []
    async with (
        asyncpg.create_pool(stack.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4) as database,
        aiohttp.ClientSession() as session,
    ):
        secrets = json.loads(stack.home.secrets_file.read_text(encoding="utf-8"))
        tenant = await make_tenant(database, bytes.fromhex(secrets["key_pepper"]))
        await call(session, base_url, tenant, chat("Wait."))
        charge = await _charge(tenant)
        await send_to_inbox(stack, tenant)
        for number in range(crossings):
            key = f"key-of-round-{number}"
            keyed = Tenant(tenant.database, tenant.pepper, tenant.organization, await tenant.add_key(key), key)
            await tenant.guard("api_key", key, budget_nano_credits=charge, mode="SHADOW")
            await until_applied()
            outcome = await call(session, base_url, keyed, chat("Wait."))
            ended = dt.datetime.now(dt.UTC)
            if not outcome.is_served:
                raise RuntimeError(f"a call was refused: {outcome}")
            times_s.append((await _arrival(tenant, key) - ended).total_seconds())
            loads.append(os.getloadavg()[0])
    return loads, times_s


async def _charge(tenant: Tenant) -> int:
    async with asyncio.timeout(_ARRIVES_WITHIN_S):
        while not (records := await tenant.records()):  # noqa: ASYNC110 - PostgreSQL sends no notice of a settlement
            await asyncio.sleep(_POLL_S)
    return int(records[0]["charge_nano_credits"])


async def _arrival(tenant: Tenant, key: str) -> dt.datetime:
    async with asyncio.timeout(_ARRIVES_WITHIN_S):
        while True:
            time: dt.datetime | None = await tenant.database.fetchval(_ARRIVED, tenant.organization, key)
            if time is not None:
                return time
            await asyncio.sleep(_POLL_S)


if __name__ == "__main__":
    main()
