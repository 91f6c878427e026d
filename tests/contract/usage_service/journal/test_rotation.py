"""The journal and a real usage_service: rotation, recreation, torn lines, and several readers."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from gateway_core.runtime.settings import UsageSettings
from tests.contract.usage_service.log_entries import journal_line
from tests.contract.usage_service.service_runs import append, running, until, until_offset
from tests.contract.usage_service.settlement_cases import breaches, make_hold, make_report, prepare
from usage_service.journal.segments import inode_of
from usage_service.settlement.charge_decision import CallReport
from usage_service.stream import UsageService


class EnvoyLog:
    """Writes a file as Envoy does: it keeps the file open, and reopens it by name only after a request."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._file = journal.open("ab", buffering=0)
        self._is_asked = False
        self.url = ""

    def write(self, reports: Sequence[CallReport]) -> None:
        if self._is_asked:
            self._file.close()
            self._file = self._journal.open("ab", buffering=0)
            self._is_asked = False
        self._file.write(b"".join(journal_line(report) for report in reports))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self._is_asked = self._is_asked or request.startswith(b"POST /reopen_logs ")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nOK\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def envoy_log(journal: Path) -> AsyncIterator[EnvoyLog]:
    log = EnvoyLog(journal)
    server = await asyncio.start_server(log.answer, "127.0.0.1", 0)
    log.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield log
    server.close()


def rotating(settings: UsageSettings, log: EnvoyLog, **changes: object) -> UsageSettings:
    values = {"envoy_admin_url": log.url, "journal_rotate_bytes": 5_000, "journal_keep_segments": 1, **changes}
    return UsageSettings.model_validate({**settings.model_dump(), **values})


def segments(journal: Path) -> list[str]:
    return sorted(path.name for path in journal.parent.iterdir() if path.name[len(journal.name) + 1 :][:1].isdigit())


def settled_segments(journal: Path) -> list[str]:
    return [name for name in segments(journal) if name.endswith(".settled")]


def make_reports(count: int) -> list[CallReport]:
    return [make_report(make_hold()) for _ in range(count)]


async def test_no_line_of_a_repeatedly_rotated_journal_is_lost(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, envoy_log: EnvoyLog
) -> None:
    await prepare(owner)
    async with running(rotating(settings, envoy_log)) as service:
        for _ in range(60):
            envoy_log.write(make_reports(3))
            await asyncio.sleep(0.05)
        await until(lambda: service.counts.settled == 180)
        await until(lambda: len(settled_segments(journal)) == 1)
        assert service.counts.bad_lines == 0
    assert len(segments(journal)) <= 2
    assert int(settled_segments(journal)[0].split(".")[2]) > 2
    assert await breaches(owner) == []


async def test_a_service_stopped_during_a_rotation_loses_nothing(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, envoy_log: EnvoyLog
) -> None:
    """Each round stops the service a little later in the rotation."""
    await prepare(owner)
    written = 0
    for round_number in range(8):
        async with running(rotating(settings, envoy_log, journal_rotate_bytes=2_000)):
            for _ in range(3):
                envoy_log.write(make_reports(3))
                written += 3
                await asyncio.sleep(0.04 * round_number)
        envoy_log.write(make_reports(1))
        written += 1
    async with running(rotating(settings, envoy_log)):
        async with asyncio.timeout(30):
            while await owner.fetchval("SELECT count(*) FROM usage_records") < written:
                await asyncio.sleep(0.05)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == written
    assert await breaches(owner) == []


async def test_the_journal_is_not_rotated_without_envoys_address(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, envoy_log: EnvoyLog
) -> None:
    await prepare(owner)
    async with running(rotating(settings, envoy_log, envoy_admin_url=None)):
        envoy_log.write(make_reports(10))
        await until_offset(owner, journal)
    assert segments(journal) == []


async def test_one_of_two_services_replays_and_the_other_takes_over(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    """Seen to fail without the advisory lock: both services replayed."""
    await prepare(owner)
    async with AsyncExitStack() as outer, AsyncExitStack() as inner:
        first = await inner.enter_async_context(running(settings))
        append(journal, make_reports(10))
        await until_offset(owner, journal)
        second = await outer.enter_async_context(running(settings))
        await asyncio.sleep(1)
        append(journal, make_reports(10))
        await until_offset(owner, journal)
        assert (taken(first), taken(second)) == (20, 0)
        await inner.aclose()
        append(journal, make_reports(10))
        await until_offset(owner, journal)
        assert (taken(first), taken(second)) == (20, 10)


async def test_a_reader_resumes_after_it_lost_its_connection_to_postgresql(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    async with running(settings) as service:
        append(journal, make_reports(5))
        await until_offset(owner, journal)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        append(journal, make_reports(5))
        await until_offset(owner, journal)
        assert service.counts.settled == 10
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 10


async def test_a_journal_recreated_on_its_inode_is_read_from_its_start(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    """Seen to fail without the fingerprint: the file was longer than the stored position, and its first calls were skipped."""
    await prepare(owner)
    append(journal, make_reports(2))
    async with running(settings):
        await until_offset(owner, journal)
    inode = inode_of(journal)
    os.truncate(journal, 0)
    append(journal, make_reports(6))
    assert inode_of(journal) == inode
    async with running(settings):
        await until_offset(owner, journal)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 8


async def test_a_torn_line_loses_no_other_line(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    """A full disk leaves such a line. Seen to fail without reading past it: the next call was lost too."""
    await prepare(owner)
    torn, whole = make_reports(2)
    append(journal, [], tail=journal_line(torn)[:300])
    append(journal, [whole, *make_reports(1)])
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.bad_lines) == (2, 1)


async def test_no_position_is_stored_while_the_database_refuses_settlements(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    """PostgreSQL's disk is full, as far as its clients can see."""
    await prepare(owner)
    append(journal, make_reports(1))
    async with running(settings) as service:
        await until_offset(owner, journal)
        place = await owner.fetchval("SELECT byte_offset FROM journal_offsets")
        await owner.execute(_DISK_IS_FULL)
        append(journal, make_reports(5))
        await asyncio.sleep(1.5)
        assert await owner.fetchval("SELECT byte_offset FROM journal_offsets") == place
        await owner.execute("DROP TRIGGER disk_is_full ON usage_records")
        await until_offset(owner, journal)
        assert service.counts.settled == 6


_DISK_IS_FULL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'No space left on device'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT ON usage_records FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full();
"""


def taken(service: UsageService) -> int:
    """The reports that a service received."""
    return service.counts.settled + service.counts.repeated
