"""Pages of calls are one file, of what the caller may see, as of one position."""

import csv
import io
from collections.abc import Callable
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1.analytics_pb2 import UsageFilter
from megarouter.admin.v1.usage_reports_pb2 import ExportCallsRequest, ExportCallsResponse

from admin_service.analytics.exports.exporting import export_calls, export_focus
from admin_service.analytics.exports.reading import Selection
from tests.contract.admin_service.analytics.exports.exported import File
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.analytics.test_service import END, ORGANIZATION, ROLES, START, time_range
from tests.contract.admin_service.resources.usage_reports.test_service import history, reading  # noqa: F401 - fixtures
from tests.support.usage.histories import UsageHistory
from tests.support.usage.reference import calls_at

SMALL = "admin_service.analytics.exports.pages"


def request(**fields: Any) -> ExportCallsRequest:
    return ExportCallsRequest(name=ORGANIZATION, **{"time_range": time_range(), **fields})


async def all_pages(
    client: Client, asked: ExportCallsRequest, member: str = "super", between: Callable[[], Any] | None = None
) -> list[ExportCallsResponse]:
    found: list[ExportCallsResponse] = []
    while not found or found[-1].next_page_token:
        asked.page_token = found[-1].next_page_token if found else ""
        found.append(await client.call("ExportCalls", asked, member, timeout=30))
        if between:
            await between()
    return found


@pytest.mark.parametrize("form", ["CALLS", "FOCUS"])
async def test_pages_are_the_file_of_their_position_whatever_is_recorded_meanwhile(
    client: Client,
    owner: asyncpg.Connection,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
    history: UsageHistory,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    monkeypatch.setattr(f"{SMALL}.PAGE_BYTES", 1)
    monkeypatch.setattr(f"{SMALL}._BATCH_ROWS", 20)

    async def more() -> None:
        await history.settle(owner, 6)
        await history.correct_the_rest(owner)

    pages = await all_pages(client, request(format=f"CALL_EXPORT_FORMAT_{form}"), between=more)
    assert len(pages) == 5
    assert len({page.ledger_position for page in pages}) == 1
    file = File()
    export = export_calls if form == "CALLS" else export_focus
    result = await export(reading, Selection("acme", START, END, position=pages[0].ledger_position), file)
    assert "".join(page.content for page in pages).encode() == file.data
    assert sum(page.row_count for page in pages) == result.row_count
    sequences = [page.last_sequence for page in pages]
    assert sequences == sorted(sequences)
    assert sequences[-1] <= pages[0].ledger_position


async def test_each_caller_exports_the_calls_that_they_see(
    client: Client,
    owner: asyncpg.Connection,
    history: UsageHistory,  # noqa: F811 - a fixture
) -> None:
    calls = await calls_at(owner, "acme", 10**9)
    for member, is_seen in ROLES.items():
        pages = await all_pages(client, request(), member)
        rows = csv.DictReader(io.StringIO("".join(page.content for page in pages).removeprefix("\ufeff"), newline=""))
        assert {row["call_id"] for row in rows} == {call.record["hold_id"] for call in calls if is_seen(call)}


async def test_a_page_token_is_only_for_its_own_export(
    client: Client,
    history: UsageHistory,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{SMALL}.PAGE_BYTES", 1)
    monkeypatch.setattr(f"{SMALL}._BATCH_ROWS", 20)
    token = (await client.call("ExportCalls", request())).next_page_token
    for changed in (
        request(page_token=token, raw=True),
        request(page_token=token, usage_filter=UsageFilter(models=["models/acme-1"])),
        request(page_token=token, format="CALL_EXPORT_FORMAT_FOCUS"),
        request(page_token="forged"),
    ):
        failure = await client.failure("ExportCalls", changed)
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    # What a caller may see is decided for each page: the token of an admin shows a member nothing more.
    page = await client.call("ExportCalls", request(page_token=token), "member")
    rows = list(csv.reader(io.StringIO(page.content)))
    assert {row[10] for row in rows} <= {"member"}


async def test_calls_that_take_too_long_to_find_are_reported(
    client: Client,
    owner: asyncpg.Connection,
    history: UsageHistory,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{SMALL}._TIMEOUT_S", 0.3)
    async with owner.transaction():
        await owner.execute("LOCK TABLE usage_records")
        failure = await client.failure("ExportCalls", request())
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_TOO_SLOW")
