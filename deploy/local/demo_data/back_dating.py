"""Lets settlement write records of the past, inside one transaction of the owner of the tables.

Settlement states when a call was placed, and PostgreSQL when it was settled: by defaults, which are the present. Here
triggers set the moment of settlement instead. The owner creates them and drops them before the transaction commits, so no
other transaction ever sees them, and a crash leaves none behind. No setting and no function stays that could do it again.
Services cannot: only the owner of a table can create a trigger on it, and `./dev audit` tries whether a service can alter
one. The owner can write any row as it is, so this adds no power. Everything else is as for any other call: the same
statements, constraints and guards, and rows that no one can change later.

The triggers lock the tables against other writers until the transaction ends.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

_COLUMNS: Final = (
    ("usage_records", "settle_time", "NEW.hold_id"),
    ("usage_corrections", "correct_time", "NEW.hold_id"),
    ("usage_findings", "create_time", "NEW.hold_id"),
    ("holds", "resolve_time", "NEW.hold_id"),
    ("ledger_transfers", "create_time", "coalesce(NEW.hold_id, NEW.idempotency_key)"),
    ("budget_events", "create_time", "''"),
)
"""Tables, what is back-dated in them, and the name of the moment."""
LATEST: Final = ""
"""The name of the last moment of a batch."""


@asynccontextmanager
async def back_dated(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Back-dates what the transaction writes to the moments of `set_moments`. The connection is in a transaction.

    Raises:
        asyncpg.InsufficientPrivilegeError: the connection is not one of the owner.
    """
    await connection.execute(
        "CREATE TEMPORARY TABLE demo_moments (name text PRIMARY KEY, moment timestamptz NOT NULL) ON COMMIT DROP"
    )
    for table, column, name in _COLUMNS:
        await connection.execute(f"""
            CREATE FUNCTION pg_temp.back_date_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                SELECT moment INTO STRICT NEW.{column} FROM pg_temp.demo_moments WHERE name = {name};
                RETURN NEW;
            END $$;
            CREATE TRIGGER demo_back_dating BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION pg_temp.back_date_{table}()
        """)  # noqa: S608 - our own names
    yield
    for table, _, _ in _COLUMNS:
        await connection.execute(f"DROP TRIGGER demo_back_dating ON {table}; DROP FUNCTION pg_temp.back_date_{table}()")


async def set_moments(connection: asyncpg.Connection, moments: Iterable[tuple[str, int]]) -> None:
    """Sets when the next batch happened, instead of the last one.

    Args:
        connection: inside `back_dated`.
        moments: hold ids and idempotency keys with microseconds since the epoch, in the order of time.
    """
    named = dict(moments)
    named[LATEST] = max(named.values())
    # Deleting leaves the table large for the rest of the transaction; truncating does not.
    await connection.execute("TRUNCATE pg_temp.demo_moments")
    await connection.execute(
        "INSERT INTO pg_temp.demo_moments SELECT name, 'epoch'::timestamptz + us * interval '1 microsecond'"
        " FROM unnest($1::text[], $2::bigint[]) AS m (name, us)",
        list(named),
        list(named.values()),
    )
