"""An export survives the processes that make it, can be canceled, and never hangs. The service's own runner rests here."""

import asyncio
import hashlib
import subprocess
import sys
from itertools import count

import asyncpg
import pytest
from megarouter.admin.v1.usage_export_pb2 import (
    CancelUsageExportRequest,
    DeleteUsageExportRequest,
    DownloadUsageExportRequest,
    ExportUsageRequest,
    GetUsageExportRequest,
    UsageExport,
)

from admin_service.analytics.reports.rendering import Renderer
from admin_service.resources.usage_exports import making, store
from admin_service.resources.usage_exports.making import make_file, share
from admin_service.resources.usage_exports.running import ExportRunner
from admin_service.resources.usage_exports.store import Claim, ClaimLostError, add_part
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.usage_exports.test_service import parts_of, request, started
from tests.contract.admin_service.resources.usage_reports.test_service import history, reading  # noqa: F401 - fixtures
from tests.support.usage.histories import UsageHistory

PAGES = "admin_service.analytics.exports.pages"
SLEEPING = "import time; time.sleep(60)"


@pytest.fixture(autouse=True)
def resting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rest(_runner: ExportRunner) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ExportRunner, "keep_running", rest)
    monkeypatch.setattr("admin_service.resources.usage_exports.running._PAUSE_S", 0.0)
    monkeypatch.setattr("admin_service.resources.usage_exports.running.INTERVAL_S", 0.05)


@pytest.fixture
async def client(resting: None, client: Client) -> Client:
    return client


async def get(client: Client, export: UsageExport) -> UsageExport:
    found: UsageExport = await client.call("GetUsageExport", GetUsageExportRequest(name=export.name))
    return found


async def claimed(pool: asyncpg.Pool, export: UsageExport, token: str) -> Claim:
    claim = Claim("acme", export.name.rpartition("/")[2], token)
    async with acting_for(pool, "acme") as connection:
        assert await store.claim_export(connection, claim) is not None
    return claim


def runner(pool: asyncpg.Pool, code: str) -> ExportRunner:
    def make(_claim: Claim) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)

    numbers = count()
    return ExportRunner(pool, make, lambda: f"claim-{next(numbers)}")


@pytest.mark.parametrize("form", ["CSV", "FOCUS"])
async def test_another_process_goes_on_after_the_last_part(
    client: Client,
    owner: asyncpg.Connection,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
    history: UsageHistory,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    monkeypatch.setattr(f"{PAGES}.PAGE_BYTES", 1)
    monkeypatch.setattr(f"{PAGES}._BATCH_ROWS", 20)
    whole, broken = await started(client, form), await started(client, form)
    await make_file(reading, Renderer(), await claimed(reading, whole, "first"))

    async def two_parts(connection: asyncpg.Connection, claim: Claim, part: store.Part) -> None:
        if next(parts) == 2:
            raise asyncio.CancelledError
        await add_part(connection, claim, part)

    parts = count()

    monkeypatch.setattr(store, "add_part", two_parts)
    lost = await claimed(reading, broken, "lost")
    with pytest.raises(asyncio.CancelledError):
        await make_file(reading, Renderer(), lost)
    monkeypatch.setattr(store, "add_part", add_part)
    # Until the lease has ended, no other process takes the export.
    async with acting_for(reading, "acme") as connection:
        assert await store.claim_export(connection, Claim("acme", lost.export, "early")) is None
        assert await connection.fetch("SELECT * FROM usage_exports_waiting(9)") == []
    await owner.execute("UPDATE usage_exports SET lease_end_time = now() - interval '1 second' WHERE claim = 'lost'")
    later = await claimed(reading, broken, "later")
    under_way = await get(client, broken)
    assert under_way.state == UsageExport.STATE_RUNNING
    assert 0 < under_way.progress_percent < 100
    assert 0 < under_way.row_count < 80
    # Calls that are settled meanwhile are not in the file: its position stays.
    await history.settle(owner, 20)
    await make_file(reading, Renderer(), later)
    with pytest.raises(ClaimLostError):
        await make_file(reading, Renderer(), lost)
    files = [await get(client, whole), await get(client, broken)]
    assert [one.state for one in files] == [UsageExport.STATE_SUCCEEDED] * 2
    assert files[0].row_count == files[1].row_count > 0
    assert files[0].part_count == files[1].part_count > 3
    assert files[0].ledger_position == files[1].ledger_position
    assert files[0].sha256 == files[1].sha256 == hashlib.sha256(await parts_of(client, files[1])).hexdigest()


async def test_a_process_that_always_fails_ends_the_export_with_a_text(
    client: Client,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
    history: UsageHistory,  # noqa: F811 - a fixture
) -> None:
    export = await started(client)
    failing = runner(reading, "raise SystemExit('no memory')")
    for _ in range(store.MAX_ATTEMPTS + 1):
        assert await failing.run_one()
    assert not await failing.run_one()
    export = await get(client, export)
    assert (export.state, export.part_count) == (UsageExport.STATE_FAILED, 0)
    assert "ended 3 times before it got further" in export.error_message
    refused = await client.failure("DownloadUsageExport", DownloadUsageExportRequest(name=export.name))
    assert refused.reason == "EXPORT_NOT_FOUND"
    assert "its state is FAILED" in refused.message


async def test_organizations_take_turns_although_a_process_makes_one_file_after_the_other(
    client: Client,
    owner: asyncpg.Connection,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
) -> None:
    """Seen to make the busy organization's three files first when only the exports that wait had an order."""
    for _ in range(3):
        await started(client)
    await owner.execute(
        "INSERT INTO usage_exports (organization_id, export_id, requester, member_id, role, group_path, request, expire_time)"
        " SELECT 'other', export_id, requester, member_id, role, group_path, request, expire_time FROM usage_exports LIMIT 1"
    )
    made: list[str] = []

    def make(claim: Claim) -> subprocess.Popen[bytes]:
        made.append(claim.organization)
        return subprocess.Popen([sys.executable, "-c", ""], stderr=subprocess.PIPE)

    one_process = ExportRunner(reading, make, lambda: "claim")
    while await one_process.run_one():
        await owner.execute("UPDATE usage_exports SET state = 'SUCCEEDED', end_time = now() WHERE state = 'RUNNING'")
    assert made == ["acme", "other", "acme", "acme"]


@pytest.mark.parametrize("how", ["cancel", "delete", "too slow"])
async def test_a_process_ends_when_its_export_does(
    client: Client,
    owner: asyncpg.Connection,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
    history: UsageHistory,  # noqa: F811 - a fixture
    how: str,
) -> None:
    export = await started(client)
    running = asyncio.create_task(runner(reading, SLEEPING).run_one())
    async with asyncio.timeout(30):
        while (await get(client, export)).state != UsageExport.STATE_RUNNING:
            await asyncio.sleep(0.02)
    if how == "cancel":
        await client.call("CancelUsageExport", CancelUsageExportRequest(name=export.name))
    elif how == "delete":
        await client.call("DeleteUsageExport", DeleteUsageExportRequest(name=export.name))
    else:
        await owner.execute("UPDATE usage_exports SET start_time = now() - interval '61 minutes'")
    async with asyncio.timeout(30):
        assert await running
    if how == "delete":
        assert await owner.fetchval("SELECT count(*) FROM usage_exports") == 0
        return
    export = await get(client, export)
    assert export.state == (UsageExport.STATE_CANCELED if how == "cancel" else UsageExport.STATE_FAILED)
    assert ("60 minutes" in export.error_message) == (how == "too slow")


async def test_a_file_has_a_largest_size(
    client: Client,
    owner: asyncpg.Connection,
    reading: asyncpg.Pool,  # noqa: F811 - a fixture
    history: UsageHistory,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{PAGES}.PAGE_BYTES", 1)
    monkeypatch.setattr(f"{PAGES}._BATCH_ROWS", 20)
    monkeypatch.setattr(store, "MAX_FILE_BYTES", 20_000)
    export = await started(client)
    await make_file(reading, Renderer(), await claimed(reading, export, "first"))
    export = await get(client, export)
    assert (export.state, export.download_path) == (UsageExport.STATE_FAILED, "")
    assert "Choose a shorter period" in export.error_message
    assert await owner.fetchval("SELECT count(*) FROM usage_export_parts") == 0


async def test_exports_have_a_largest_number_and_are_not_started_twice(client: Client) -> None:
    once = "3f0c2f2e-5b1a-4c63-9d0e-0a6f3d1b7c11"
    names = {(await started(client, request_id=once)).name for _ in range(3)}
    assert len(names) == 1
    for _ in range(4):
        await started(client)
    failure = await client.failure("ExportUsage", request())
    assert failure.reason == "TOO_MANY_EXPORTS"
    await client.call("DeleteUsageExport", DeleteUsageExportRequest(name=names.pop()))
    await started(client)
    for member in ("l1", "sub", "member"):
        for _ in range(5):
            await started(client, member=member)
    failure = await client.failure("ExportUsage", request(), "sales")
    assert failure.reason == "TOO_MANY_EXPORTS"
    assert "The organization has too many" in failure.message


async def test_a_request_that_makes_no_file_is_refused_at_once(client: Client) -> None:
    failure = await client.failure("ExportUsage", ExportUsageRequest(parent="organizations/acme"))
    assert {"time_range", "format"} >= set(failure.fields) > set()
    backward = request()
    backward.time_range.end_time.FromSeconds(backward.time_range.start_time.seconds - 1)
    assert (await client.failure("ExportUsage", backward)).reason == "FIELD_INVALID"


@pytest.mark.parametrize(
    ("bounds", "done", "percent"), [((), 5, 99), ((None, None), 5, 99), ((10, 20), 15, 50), ((10, 20), 25, 99)]
)
def test_progress_is_the_share_of_the_records_of_the_period(
    bounds: tuple[int | None, ...], done: int, percent: int
) -> None:
    assert share(bounds, done) == percent
    assert making.PART_BYTES < 4 * 1024**2
