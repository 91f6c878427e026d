"""Cells are exact, and no text is taken for a formula."""

import csv
import datetime as dt
import io
import random
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from admin_service.analytics.exports.cells import (
    amount,
    decimal,
    escaped,
    local_time,
    unescaped,
    utc_time,
    whole_second,
)
from admin_service.analytics.exports.csv_stream import CHUNK_BYTES, Column, CsvStream

DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize("first", DANGEROUS)
def test_text_that_could_be_a_formula_gets_an_apostrophe(first: str) -> None:
    assert escaped(f"{first}cmd|' /C calc'!A0") == f"'{first}cmd|' /C calc'!A0"
    assert escaped(first) == f"'{first}"


@pytest.mark.parametrize("text", ["", "Mia", "'tis", "''", " =1", "1+1", "a=b", "\u22121", "قسم", "研究"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text
    assert unescaped(text) == text


def test_an_escaped_text_is_known_again_and_no_two_texts_have_the_same_cell() -> None:
    chance = random.Random(1)
    texts = {"".join(chance.choices(f"'a{DANGEROUS}", k=chance.randint(0, 4))) for _ in range(3_000)}
    assert all(unescaped(escaped(text)) == text for text in texts)
    assert len({escaped(text) for text in texts}) == len(texts)
    assert not any(escaped(text).startswith(tuple(DANGEROUS)) for text in texts)


@pytest.mark.parametrize(
    ("nano_credits", "cell"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (10**9, "1.000000000"),
        (-(10**9) - 1, "-1.000000001"),
        (2**63 - 1, "9223372036.854775807"),
    ],
)
def test_amounts_have_nine_exact_places(nano_credits: int, cell: str) -> None:
    assert amount(nano_credits) == cell
    assert Decimal(cell) * 10**9 == nano_credits


def test_decimals_are_exact() -> None:
    assert (decimal(40, 6), decimal(7, 0), decimal(1, 15)) == ("0.000040", "7.0", "0.000000000000001")
    assert decimal(1_500_000_000_000_000, 15) == "1.500000000"
    chance = random.Random(2)
    for _ in range(2_000):
        value, places = chance.randint(-(10**20), 10**20), chance.choice((0, 6, 9, 15))
        assert Decimal(decimal(value, places)) * 10**places == value


def test_times_name_their_offset() -> None:
    instant = dt.datetime(2026, 10, 25, 0, 30, 0, 5, tzinfo=dt.UTC)
    assert utc_time(instant) == "2026-10-25T00:30:00.000005Z"
    assert local_time(instant, ZoneInfo("Europe/Berlin")) == "2026-10-25T02:30:00.000005+02:00"
    later = instant + dt.timedelta(hours=1)
    assert local_time(later, ZoneInfo("Europe/Berlin")) == "2026-10-25T02:30:00.000005+01:00"
    assert local_time(instant, ZoneInfo("Asia/Kathmandu")) == "2026-10-25T06:15:00.000005+05:45"
    assert whole_second(instant.astimezone(ZoneInfo("Asia/Kathmandu"))) == "2026-10-25T00:30:00Z"


NAMES = [
    "=1+1",
    "a,b",
    'say "hi"',
    "two\r\nlines",
    "x" * 255,
    "研究部门" * 60,
    "\u202e\u0645\u0631\u062d\u0628\u0627\u202c",
    "👩🏽‍🔬",
    "",
    "\uff1d2",
]


async def written(*, raw: bool) -> tuple[bytes, CsvStream]:
    pieces: list[bytes] = []

    async def keep(data: bytes) -> None:
        pieces.append(data)

    columns: list[Column[str]] = [
        Column("id", "", lambda name: str(NAMES.index(name))),
        Column("name", "", lambda name: name, is_text=True),
        Column("amount", "", lambda name: amount(-len(name))),
    ]
    stream = CsvStream(columns, keep, raw=raw)
    await stream.write_header()
    await stream.write_rows([column.value(name) for column in columns] for name in NAMES)
    assert stream.size_bytes == sum(map(len, pieces))
    return b"".join(pieces), stream


async def test_any_name_survives_the_file() -> None:
    data, stream = await written(raw=False)
    assert data.startswith(b"\xef\xbb\xbfid,name,amount\r\n")
    assert data.endswith(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [unescaped(row["name"]) for row in rows] == NAMES
    assert [row["name"] for row in rows if row["name"].startswith("'")] == ["'=1+1", "'\uff1d2"]
    assert stream.row_count == len(NAMES)


async def test_raw_leaves_text_as_it_is() -> None:
    data, _ = await written(raw=True)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["name"] for row in rows] == NAMES


async def test_a_sink_gets_bounded_chunks() -> None:
    sizes: list[int] = []

    async def measure(data: bytes) -> None:
        sizes.append(len(data))

    name: Column[str] = Column("name", "", lambda name: name, is_text=True)
    stream = CsvStream([name], measure)
    await stream.write_rows(["x" * 1_000] for _ in range(1_000))
    assert max(sizes) == CHUNK_BYTES
    assert sum(sizes) == stream.size_bytes == 1_002_000
