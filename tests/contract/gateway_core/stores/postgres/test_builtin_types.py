"""A process asks PostgreSQL once about each built-in type, not once for every connection."""

import datetime as dt
from typing import Any

import asyncpg
import pytest

from gateway_core.stores.postgres.connecting.typed import TypedConnection

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
ARRAYS: dict[str, list[Any]] = {
    "bigint": [1, None, -(2**63)],
    "boolean": [True, False],
    "bytea": [b"", b"\x00\xff"],
    "double precision": [0.5],
    "jsonb": ['{"a": 1}', "null"],
    "timestamptz": [NOON],
}


async def read_arrays(connection: asyncpg.Connection) -> dict[str, Any]:
    return {name: await connection.fetchval(f"SELECT $1::{name}[]", values) for name, values in ARRAYS.items()}


async def test_the_first_connection_of_a_process_asks_for_all_of_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await asyncpg.connect(database_url, connection_class=TypedConnection)
    assert await read_arrays(first) == ARRAYS
    await first.close()

    async def refuse(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", refuse)
    second = await asyncpg.connect(database_url, connection_class=TypedConnection)
    assert await read_arrays(second) == ARRAYS
    assert await second.fetchval("SELECT $1::bigint[]", [7], timeout=5) == [7]
    await second.close()


async def test_types_of_tables_are_asked_for_on_each_connection(database_url: str) -> None:
    for kind in ("bigint", "text"):
        connection = await asyncpg.connect(database_url, connection_class=TypedConnection)
        await connection.execute(f"DROP TABLE IF EXISTS things; CREATE TABLE things (one {kind})")
        await connection.execute("INSERT INTO things VALUES (1)")
        assert str((await connection.fetchval("SELECT t FROM things t"))["one"]) == "1"
        await connection.close()
