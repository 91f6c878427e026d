"""`python -m gateway_core.schema`: migrates a database, or writes its schema to `schema.sql`."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterable
from typing import Final, NoReturn

import asyncpg

from gateway_core.schema.dump import SCHEMA_FILE, dump_schema
from gateway_core.schema.files import EXIT_BEFORE_BASELINE, EXIT_NEWER_RELEASE, SchemaError, load_migrations
from gateway_core.schema.history import BeforeBaselineError, NewerReleaseError, missing, read_applied
from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS, read_passwords
from gateway_core.schema.migrate import migrate

EXIT_FAILED: Final = 1

_DEFAULT_WAIT_S: Final = 60.0
_CONNECT_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 0.05
_NOT_YET: Final = (OSError, TimeoutError, asyncpg.CannotConnectNowError)


def main() -> None:
    """Runs the command that the command line names."""
    arguments = _parser().parse_args()
    url = os.environ.get(OWNER_URL)
    if not url:
        _fail(f"set {OWNER_URL}", EXIT_FAILED)
    try:
        asyncio.run(_migrate(url, arguments.wait_s) if arguments.command == "migrate" else _dump(url))
    except BeforeBaselineError as error:
        _fail(str(error), EXIT_BEFORE_BASELINE)
    except NewerReleaseError as error:
        _fail(str(error), EXIT_NEWER_RELEASE)
    except SchemaError as error:
        _fail(str(error), EXIT_FAILED)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _fail(f"{type(error).__name__}: {error}", EXIT_FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway_core.schema", description="Migrates a database, or writes its schema."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    migrating = commands.add_parser(
        "migrate",
        help="bring the database to the newest schema; run it once before the services of a release start",
        description=(
            f"Applies the migrations that the database at {OWNER_URL} lacks, then roles.sql. Sets the passwords of the roles to"
            f" those in {', '.join(SERVICE_URLS.values())}. A role whose variable is not set keeps its password."
        ),
        epilog=(
            f"Exit status: 0 migrated; {EXIT_FAILED} failed; {EXIT_BEFORE_BASELINE} the database is older than the baseline;"
            f" {EXIT_NEWER_RELEASE} a newer release migrated the database."
        ),
    )
    migrating.add_argument(
        "--wait-s",
        type=float,
        default=_DEFAULT_WAIT_S,
        metavar="N",
        help=f"seconds to wait until the server answers (default: {_DEFAULT_WAIT_S:g})",
    )
    commands.add_parser(
        "dump",
        help="write schema.sql from a migrated database",
        description=f"Writes {SCHEMA_FILE.name} from the database at {OWNER_URL}, which must have the newest schema.",
    )
    return parser


async def _migrate(url: str, wait_s: float) -> None:
    passwords = read_passwords(os.environ)
    connection = await _connect(url, wait_s)
    try:
        applied = await migrate(connection, passwords)
    finally:
        await connection.close()
    sys.stdout.write(f"{_listed(migration.name for migration in applied)}; set roles and rights\n")


def _listed(names: Iterable[str]) -> str:
    applied = ", ".join(names)
    return f"applied {applied}" if applied else "no migration to apply"


async def _dump(url: str) -> None:
    connection = await _connect(url, wait_s=0)
    try:
        lacking = missing(await read_applied(connection) or {}, load_migrations())
    finally:
        await connection.close()
    if lacking:
        raise SchemaError(f"the database lacks {lacking[0].name}: migrate it first")
    SCHEMA_FILE.write_text(dump_schema(url), encoding="utf-8")
    sys.stdout.write(f"wrote {SCHEMA_FILE}\n")


async def _connect(url: str, wait_s: float) -> asyncpg.Connection:
    """Connects as the owner. Waits up to `wait_s` for a server that is starting.

    Raises:
        SchemaError: the URL is not valid. The message does not repeat it, because it contains a password.
        OSError, TimeoutError, asyncpg.PostgresError: the server did not answer in time, or refused the login.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
        except _NOT_YET:
            if time.monotonic() > deadline:
                raise
        except (ValueError, asyncpg.InterfaceError):
            raise SchemaError(
                f"{OWNER_URL} is not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        await asyncio.sleep(_PAUSE_S)


def _fail(reason: str, status: int) -> NoReturn:
    sys.stderr.write(f"schema: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
