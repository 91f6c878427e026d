"""One organization cannot take all connections with questions about usage.

Seen to fail without the share of an organization: its questions waited on all connections of the pool, and another organization
got no answer to anything before they had theirs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import grpc
import pytest
from google.rpc import error_details_pb2
from megarouter.admin.v1 import analytics_pb2, organization_pb2
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.serving.questions import WAITING
from admin_service.wiring import ROLE
from tests.contract.admin_service.conftest import Client
from tests.support.clients.rpc_statuses import status_of

_AT_ONCE: Final = 2
"""Half of the connections of the settings' default."""
_BLOCKED: Final = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = $1 AND wait_event_type = 'Lock'
"""


def usage_of(organization: str) -> analytics_pb2.QueryUsageRequest:
    period = TimeRange()
    period.start_time.FromJsonString("2026-03-01T00:00:00Z")
    return analytics_pb2.QueryUsageRequest(name=f"organizations/{organization}", time_range=period)


@asynccontextmanager
async def no_question_is_answered(owner: asyncpg.Connection) -> AsyncIterator[None]:
    async with owner.transaction():
        await owner.execute("LOCK TABLE usage_rollups")
        yield


async def blocked(owner: asyncpg.Connection, count: int) -> None:
    async with asyncio.timeout(4):
        while await owner.fetchval(_BLOCKED, ROLE) != count:
            await owner.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.02)


async def test_questions_of_a_busy_organization_keep_no_other_one_waiting(
    client: Client, owner: asyncpg.Connection
) -> None:
    async with no_question_is_answered(owner):
        busy = [asyncio.create_task(client.call("QueryUsage", usage_of("acme"), timeout=20)) for _ in range(20)]
        await blocked(owner, _AT_ONCE)
        mine = organization_pb2.GetOrganizationRequest(name="organizations/other")
        found = await client.call("GetOrganization", mine, "stranger", timeout=2)
        assert found.name == "organizations/other"
        quiet = asyncio.create_task(client.call("QueryUsage", usage_of("other"), "stranger", timeout=20))
        await blocked(owner, _AT_ONCE + 1)
    await asyncio.gather(quiet, *busy)


async def test_a_question_too_many_is_refused_with_the_time_to_wait(client: Client, owner: asyncpg.Connection) -> None:
    async with no_question_is_answered(owner):
        asked = [
            asyncio.create_task(client.call("QueryUsage", usage_of("acme"), timeout=20))
            for _ in range(_AT_ONCE + WAITING)
        ]
        await blocked(owner, _AT_ONCE)
        async with asyncio.timeout(4):
            while True:
                # The others may still be on their way into the line.
                one_more = asyncio.create_task(client.call("QueryUsage", usage_of("acme"), timeout=20))
                done, _ = await asyncio.wait([one_more], timeout=0.2)
                if done:
                    break
                asked.append(one_more)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await one_more
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = status_of(refused.value)
    assert status is not None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert [detail.Unpack(info) for detail in status.details].count(True) == 1
    assert [detail.Unpack(retry) for detail in status.details].count(True) == 1
    assert info.reason == "TOO_MANY_QUESTIONS"
    assert retry.retry_delay.seconds >= 1
    answered = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in answered) == _AT_ONCE + WAITING
