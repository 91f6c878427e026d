"""What the tests of exports share."""

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal

import asyncpg

from admin_service.analytics.exports.exporting import (
    export_calls,
)
from admin_service.analytics.exports.reading import Selection

START = dt.datetime(2026, 3, 20, 5, 17, 3, 250_000, tzinfo=dt.UTC)
END = START + dt.timedelta(days=20)
"""Clocks change in Berlin on 29 March."""
EVERYTHING = Selection("acme", START, END)
CREDIT = 10**9

Rows = Sequence[Mapping[str, str]]


class File:
    """A file in memory."""

    def __init__(self) -> None:
        self.data = b""

    async def __call__(self, data: bytes) -> None:
        self.data += data

    @property
    def rows(self) -> Rows:
        return list(csv.DictReader(io.StringIO(self.data.decode("utf-8-sig"), newline="")))


async def calls_of(pool: asyncpg.Pool, selection: Selection = EVERYTHING, *, raw: bool = False) -> Rows:
    file = File()
    result = await export_calls(pool, selection, file, raw=raw)
    assert result.row_count == len(file.rows)
    return file.rows


def charges(rows: Rows, column: str = "charge_credits") -> int:
    total = sum(Decimal(row[column]) for row in rows) * CREDIT
    assert total == int(total)
    return int(total)


async def spent(owner: asyncpg.Connection, organization: str = "acme") -> int:
    """Returns what the ledger says."""
    statement = "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = $1 AND account = 'USAGE'"
    return int(await owner.fetchval(statement, organization))
