"""The operator's command that exports usage."""

import asyncio
import csv
import datetime as dt
import hashlib
import io
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from admin_service.analytics.reports.report import parse_report
from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.settlement_cases import charge, make_hold, make_settlement, prepare
from tests.support.pdf import attachment, families
from usage_service.settlement.store import settle_batch

NOON = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
RANGE = ("--organization", "acme", "--since", "2026-03-28", "--until", "2026-03-30")


async def run(database_url: str, *arguments: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "admin_service.analytics.exports", *arguments),
        env={**os.environ, "MEGAROUTER_ADMIN_DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output, errors.decode()


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
async def admin_url(owner: asyncpg.Connection, database_url: str) -> str:
    """Calls on the local days 27 to 30 March, in a zone that changes its clocks."""
    await prepare(owner)
    await owner.execute("UPDATE organizations SET time_zone = 'Europe/Berlin'")
    moments = [NOON - dt.timedelta(hours=13, microseconds=1), NOON - dt.timedelta(hours=13), NOON,
               NOON + dt.timedelta(hours=34) - dt.timedelta(microseconds=1), NOON + dt.timedelta(hours=34)]  # fmt: skip
    holds = [make_hold(placed_epoch_us=round(moment.timestamp() * 1_000_000)) for moment in moments]
    await settle_batch(owner, [make_settlement(hold) for hold in holds])
    return login_url(database_url, "megarouter_admin")


async def test_days_are_those_of_the_organization_and_the_summary_is_true(admin_url: str, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    status, _, errors = await run(admin_url, "calls", *RANGE, "--output", str(file))
    data = file.read_bytes()
    assert [row["time"] for row in rows(data)] == [
        "2026-03-28T00:00:00.000000+01:00", "2026-03-28T13:00:00.000000+01:00", "2026-03-29T23:59:59.999999+02:00",
    ]  # fmt: skip
    credits_spent = f"{3 * charge() / 10**9:.9f}"
    assert (status, errors.splitlines()[0]) == (0, f"3 rows, {len(data)} bytes, {credits_spent} credits")
    assert errors.splitlines()[1].startswith("ledger position 6, read ")
    assert errors.splitlines()[2] == f"sha256 {hashlib.sha256(data).hexdigest()}"
    assert names_in(tmp_path) == [file.name]


async def test_every_format_can_be_written_to_the_standard_output(admin_url: str) -> None:
    instants = ("--organization", "acme", "--since", "2026-03-28T12:00:00Z", "--until", "2026-03-29T00:00:00+01:00")
    for command, count, *options in (
        ("calls", 1, "--raw"),
        ("calls", 0, "--position", "1"),
        ("calls", 0, "--member", "nobody"),
        ("focus", 2, "--model", "acme-1"),
        ("calls", 0, "--tag", "project=search"),
        ("usage", 1, "--group-by", "tag:project", "--group-by", "member"),
        ("usage", 1, "--group-by", "member", "--group-by", "model", "--granularity", "day"),
    ):
        status, output, errors = await run(admin_url, command, *instants, "--output", "-", *options)
        assert (status, len(rows(output))) == (0, count), errors


async def test_a_report_is_written_with_its_data_inside(admin_url: str, tmp_path: Path) -> None:
    file = tmp_path / "usage.pdf"
    status, _, errors = await run(
        admin_url, "pdf", *RANGE, "--output", str(file), "--language", "zh", "--paper", "us-letter"
    )
    assert status == 0, errors
    pdf = file.read_bytes()
    report = parse_report(attachment(pdf, "report.json"))
    assert (report.total.charge, report.ledger_position, report.language) == (3 * charge(), 6, "zh")
    assert errors.splitlines()[2] == f"sha256 {hashlib.sha256(pdf).hexdigest()}"
    assert "NotoSansCJKsc-Bold" in families(pdf)
    assert names_in(tmp_path) == [file.name]


async def test_failures_say_why_and_leave_no_file(admin_url: str, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    for status, reason, *arguments in (
        (1, "there is no such organization", "--organization", "unknown"),
        (1, "since must be a day like 2026-03-01, or RFC 3339", "--since", "March"),
        (1, "end must be after the start", "--until", "2026-03-01"),
        (1, "position must be from 0 to 6", "--position", "7"),
        (1, "the output cannot be written: No such file", "--output", str(tmp_path / "missing" / "out.csv")),
    ):
        done, _, errors = await run(admin_url, "calls", *RANGE, "--output", str(file), *arguments)
        assert (done, errors.startswith(f"export: {reason}")) == (status, True), errors
    assert names_in(tmp_path) == []
    nowhere = "postgresql://megarouter_admin:secret@127.0.0.1:1/nothing"
    done, _, errors = await run(nowhere, "calls", *RANGE, "--output", str(file))
    assert (done, errors) == (2, "export: the database refused: ConnectionRefusedError\n")
