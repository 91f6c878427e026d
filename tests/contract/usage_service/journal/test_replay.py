"""The journal delivers what the access-log stream lost, once."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from gateway_core.runtime.settings import UsageSettings
from tests.contract.usage_service.log_entries import journal_line
from tests.contract.usage_service.service_runs import (
    append,
    message,
    running,
    until,
    until_offset,
)
from tests.contract.usage_service.settlement_cases import (
    breaches,
    make_hold,
    make_report,
    prepare,
)


async def test_a_call_in_both_logs_is_settled_once(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(20)]
    async with running(settings) as service:
        await service.take(message(*reports, *reports[::-1]))
        append(journal, reports)
        await until(lambda: service.counts.settled == 20)
        await until_offset(owner, journal)
        assert (service.counts.rescued, service.counts.discrepancies) == (0, 0)
    assert await breaches(owner) == []


async def test_a_call_lost_by_the_stream_is_settled_from_the_journal(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(10)]
    append(journal, reports)
    async with running(settings) as service:
        await until(lambda: service.counts.settled == 10)
        assert service.counts.rescued == 10
    assert await breaches(owner) == []


async def test_a_stopping_service_settles_what_the_stream_lost_a_moment_ago(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    """The journal of a pod may end with the pod."""
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(5)]
    append(journal, reports[:2])
    async with running(settings.model_copy(update={"journal_delay_ms": 60_000})) as service:
        await until_offset(owner, journal)
        append(journal, reports[2:])
        assert service.counts.settled == 2
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 5
    await until_offset(owner, journal)
    assert await breaches(owner) == []


async def test_a_service_stops_in_time_although_the_journal_is_read_by_another(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    append(journal, [make_report(make_hold())])
    async with running(settings) as reader:
        await until_offset(owner, journal)
        async with asyncio.timeout(30), running(settings) as other:
            assert other.counts.settled == 0
        assert reader.counts.settled == 1


async def test_reading_resumes_where_the_journal_was_settled(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    first, second = ([make_report(make_hold()) for _ in range(5)] for _ in range(2))
    torn = journal_line(second[0])
    append(journal, first, tail=torn[:50])
    async with running(settings):
        await until_offset(owner, journal, torn_bytes=50)
    with journal.open("ab") as file:
        file.write(torn[50:])
    append(journal, second[1:])
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.repeated, service.counts.bad_lines) == (5, 0, 0)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 10


async def test_a_bad_line_is_skipped_and_the_rest_is_settled(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(owner)
    append(journal, [make_report(make_hold())], tail=b"v2.secret.x\\tbad\n")
    append(journal, [make_report(make_hold())])
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.bad_lines) == (2, 1)
    assert "secret" not in caplog.text


async def test_a_rotated_journal_is_settled_to_its_end_and_followed(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    append(journal, [make_report(make_hold())])
    async with running(settings) as service:
        await until(lambda: service.counts.settled == 1)
        append(journal, [make_report(make_hold())])
        journal.rename(journal.with_suffix(".log.1"))  # noqa: ASYNC240
        append(journal, [make_report(make_hold())])
        await until(lambda: service.counts.settled == 3)
        await until_offset(owner, journal)
