"""Command line of the operator: `python -m admin_service.peppers`.

It lists the secrets that are not hashed with the present pepper. While there are any, the previous pepper is needed. The exit
status is 0 if there are none, 1 if there are some, 2 if the database cannot be reached.
"""

import argparse
import asyncio
import os
import re
import sys
from collections import Counter
from typing import Final

import asyncpg

from gateway_core.model.organization.bearer_secrets import pepper_name
from gateway_core.schema.logins import OWNER_URL
from gateway_core.stores.postgres.connections import UNAVAILABLE

PEPPER: Final = "MEGAROUTER_KEY_PEPPER"
_CONNECT_TIMEOUT_S: Final = 10
_LISTED_MAX: Final = 1_000
_COUNTS: Final = "SELECT kind, count(*) FROM secrets_of_other_peppers($1) GROUP BY kind ORDER BY kind"
_LIST: Final = """
SELECT kind, coalesce(organization_id, '-'), secret_id, expire_time FROM secrets_of_other_peppers($1)
 ORDER BY 1, 2, 3 LIMIT $2
"""


def main(arguments: list[str] | None = None) -> int:
    """Prints what is left, and returns an exit status that says whether anything is."""
    given = _parser().parse_args(arguments)
    url, pepper = os.environ.get(OWNER_URL, ""), os.environ.get(PEPPER, "")
    if not url:
        _give_up(f"set {OWNER_URL}")
    if re.fullmatch(r"[0-9a-fA-F]{64}", pepper) is None:
        _give_up(f"set {PEPPER} to the present pepper: 64 hexadecimal digits")
    try:
        left = asyncio.run(_show(url, pepper_name(bytes.fromhex(pepper)), is_list=given.list))
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        _give_up(f"the database refused: {type(error).__name__}")
    return 1 if left else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="megarouter-admin peppers",
        description=f"Counts the secrets in the database at {OWNER_URL} that are not hashed with {PEPPER}.",
    )
    parser.add_argument("--list", action="store_true", help=f"list the first {_LISTED_MAX} by id")
    return parser


async def _show(url: str, pepper: str, *, is_list: bool) -> int:
    connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        counts = Counter({row[0]: row[1] for row in await connection.fetch(_COUNTS, pepper)})
        sys.stdout.writelines(f"{kind}: {count}\n" for kind, count in sorted(counts.items()))
        sys.stdout.write(f"{counts.total()} left with another pepper\n")
        for kind, organization, secret_id, expire_time in (
            await connection.fetch(_LIST, pepper, _LISTED_MAX) if is_list else ()
        ):
            until = f", until {expire_time.isoformat()}" if expire_time else ""
            sys.stdout.write(f"{kind} {organization} {secret_id}{until}\n")
    finally:
        await connection.close()
    return counts.total()


def _give_up(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
