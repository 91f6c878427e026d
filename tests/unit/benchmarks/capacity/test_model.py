"""How much of each resource is used, and that the page shows what the program prints."""

import subprocess
import sys

import pytest

from benchmarks.capacity import constants
from benchmarks.capacity.model import Plan, stored_gigabytes_per_day, table, uses
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "guides" / "capacity.md").read_text("utf-8")
CALLS_OF_AN_ENVOY = 200


@pytest.mark.parametrize("envoys", [10, 100, 1_000])
def test_the_page_shows_what_the_program_prints(envoys: int) -> None:
    calls = str(envoys * CALLS_OF_AN_ENVOY)
    command = [sys.executable, "-m", "benchmarks.capacity", "--envoys", str(envoys), "--calls-per-second", calls]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() in PAGE


def test_the_page_shows_the_constants() -> None:
    batch, call, organization = zip(
        constants.BATCH_POSTGRES_US, constants.BATCH_SERVICE_US, constants.BATCH_IDLE_US, strict=True
    )
    for shown in (
        f"{constants.ENVOY_CPU_US}, {constants.AUTHZ_CPU_US}, {constants.RATELIMIT_CPU_US}, {constants.USAGE_CPU_US} µs",
        f"{constants.POSTGRES_CPU_US}, {constants.REDIS_CPU_US} µs",
        f"{constants.WAL_BYTES:,} bytes",
        f"{constants.STORED_BYTES:,} bytes a call",
        f"{constants.ROWS_INSERTED}, {constants.ROWS_UPDATED} a call",
        f"{constants.REDIS_COMMANDS}, {constants.REDIS_BYTES:,} bytes a call",
        f"{constants.POSTGRES_CONNECTIONS}, {constants.REDIS_CONNECTIONS} |",
        f"{constants.LEDGER_CALLS_PER_SECOND:,} calls/s",
        f"{batch[0]:,.0f}, {batch[1]:,.0f}, {batch[2]:,.0f} µs",
        f"{call[0]}, {call[1]}, {call[2]} µs",
        f"{organization[0]}, {organization[1]}, {organization[2]} µs",
    ):
        assert shown in PAGE


def test_the_scarcest_resource_comes_first() -> None:
    shares = [use.share for use in uses(Plan(100, 20_000))]
    assert shares == sorted(shares, reverse=True)


def test_connections_follow_envoys_and_the_rest_follows_calls() -> None:
    one, other = ({use.resource: use.needed for use in uses(Plan(envoys, 1_000))} for envoys in (10, 20))
    assert other["PostgreSQL connections"] == 2 * one["PostgreSQL connections"]
    assert other["PostgreSQL cores"] == one["PostgreSQL cores"]
    assert other["cores of each gateway"] == one["cores of each gateway"] / 2


def test_the_columns_of_the_table_line_up() -> None:
    rows = [line for line in table(Plan(100, 20_000)).splitlines() if line.startswith("|")]
    places = [[place for place, letter in enumerate(row) if letter == "|"] for row in rows]
    assert all(row == places[0] for row in places)


def test_storage_follows_calls() -> None:
    assert stored_gigabytes_per_day(Plan(1, 1)) == pytest.approx(constants.STORED_BYTES * 86_400 / 1e9)


@pytest.mark.parametrize("wrong", [["--envoys", "0"], ["--largest-share", "2"], ["--calls-per-second", "-1"]])
def test_impossible_numbers_are_refused(wrong: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.capacity", "--envoys", "1", "--calls-per-second", "1", *wrong]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must be" in done.stderr
