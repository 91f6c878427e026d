"""A link opens one report for anyone, until it ends, and allows nothing else."""

import datetime as dt
import hashlib
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from megarouter.admin.v1.account_pb2 import ListMyAccountsRequest
from megarouter.admin.v1.usage_export_pb2 import (
    DeleteUsageExportRequest,
    DownloadSharedExportRequest,
    DownloadSharedExportResponse,
    DownloadUsageExportRequest,
    GetUsageExportRequest,
    ShareUsageExportRequest,
    ShareUsageExportResponse,
    UsageExport,
)

from gateway_core.model.organization.bearer_secrets import REPORT_LINK
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.usage_exports.test_service import ended, parts_of, started
from tests.contract.admin_service.resources.usage_reports.test_service import history  # noqa: F401 - a fixture
from tests.support.usage.histories import UsageHistory

DENIED, UNAUTHENTICATED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
UNSUITABLE = (grpc.StatusCode.FAILED_PRECONDITION, "STATE_UNSUITABLE")
OPEN = DownloadSharedExportRequest()
WEEK_S = 7 * 86_400


def using(secret: str) -> dict[str, Any]:
    return {"metadata": [("authorization", f"Bearer {secret}")]}


async def refusal(client: Client, method: str, request: Message, secret: str) -> grpc.StatusCode:
    return (await client.failure(method, request, **using(secret))).code


async def shared(client: Client, export: UsageExport, member: str = "super", **fields: Any) -> ShareUsageExportResponse:
    answer: ShareUsageExportResponse = await client.call(
        "ShareUsageExport", ShareUsageExportRequest(name=export.name, **fields), member
    )
    return answer


async def opened(client: Client, secret: str) -> DownloadSharedExportResponse:
    answer: DownloadSharedExportResponse = await client.call("DownloadSharedExport", OPEN, **using(secret))
    return answer


@pytest.fixture
async def report(client: Client, history: UsageHistory) -> UsageExport:  # noqa: F811 - a fixture
    return await ended(client, await started(client, "PDF", member="l1"), "l1")


async def test_a_link_opens_the_report_and_only_its_hash_is_stored(
    client: Client, owner: asyncpg.Connection, report: UsageExport
) -> None:
    answer = await shared(client, report, "l1")
    assert REPORT_LINK.is_well_formed(answer.secret)
    life_s = answer.usage_export.share_expire_time.ToSeconds() - dt.datetime.now(dt.UTC).timestamp()
    assert life_s == pytest.approx(WEEK_S, abs=30)
    assert answer.usage_export.expire_time == answer.usage_export.share_expire_time
    found = await opened(client, answer.secret)
    assert found.pdf == await parts_of(client, report, "l1")
    assert (found.sha256, found.time_range) == (hashlib.sha256(found.pdf).hexdigest(), report.time_range)
    assert found.organization_display_name
    assert found.sharer_display_name
    assert answer.secret not in str(await owner.fetch("SELECT * FROM usage_exports"))
    assert answer.secret not in str(await owner.fetch("SELECT * FROM audit_log"))


async def test_a_link_allows_nothing_else(client: Client, report: UsageExport) -> None:
    secret = (await shared(client, report, "l1")).secret
    for method, request in (
        ("GetUsageExport", GetUsageExportRequest(name=report.name)),
        ("DownloadUsageExport", DownloadUsageExportRequest(name=report.name)),
        ("ShareUsageExport", ShareUsageExportRequest(name=report.name)),
        ("DeleteUsageExport", DeleteUsageExportRequest(name=report.name)),
        ("ListMyAccounts", ListMyAccountsRequest()),
    ):
        assert await refusal(client, method, request, secret) == DENIED
    assert await client.code("DownloadSharedExport", OPEN, "l1") == UNAUTHENTICATED


async def test_a_link_ends_by_time_by_another_one_and_with_its_export(
    client: Client, owner: asyncpg.Connection, report: UsageExport
) -> None:
    first = (await shared(client, report, "l1", ttl=Duration(seconds=60))).secret
    second = (await shared(client, report, "l1")).secret
    assert await refusal(client, "DownloadSharedExport", OPEN, first) == UNAUTHENTICATED
    await opened(client, second)
    await owner.execute("UPDATE usage_exports SET share_expire_time = now()")
    assert await refusal(client, "DownloadSharedExport", OPEN, second) == UNAUTHENTICATED
    third = (await shared(client, report, "l1")).secret
    await client.call("DeleteUsageExport", DeleteUsageExportRequest(name=report.name), "l1")
    assert await refusal(client, "DownloadSharedExport", OPEN, third) == UNAUTHENTICATED


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE members SET role = 'MEMBER' WHERE member_id = 'l1'",
        "UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'l1'",
    ],
)
async def test_a_link_ends_while_its_sender_may_not_see_the_report(
    client: Client, owner: asyncpg.Connection, report: UsageExport, loss: str
) -> None:
    secret = (await shared(client, report, "l1")).secret
    await owner.execute(loss)
    assert await refusal(client, "DownloadSharedExport", OPEN, secret) == UNAUTHENTICATED


async def test_only_reports_are_shared_and_only_by_their_requester(
    client: Client,
    history: UsageHistory,  # noqa: F811 - a fixture
    report: UsageExport,
) -> None:
    calls = await ended(client, await started(client, "CSV"))
    failure = await client.failure("ShareUsageExport", ShareUsageExportRequest(name=calls.name))
    assert (failure.code, failure.reason) == UNSUITABLE
    of_other = ShareUsageExportRequest(name=report.name)
    assert await client.code("ShareUsageExport", of_other, "super") == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("seconds", [0, -1, 31 * 86_400])
async def test_a_link_works_for_at_most_thirty_days(client: Client, report: UsageExport, seconds: int) -> None:
    request = ShareUsageExportRequest(name=report.name, ttl=Duration(seconds=seconds))
    assert await client.code("ShareUsageExport", request, "l1") == grpc.StatusCode.INVALID_ARGUMENT
