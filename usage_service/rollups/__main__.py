"""Command line of the operator: `python -m usage_service.rollups`.

The exit status is 0 on success, 1 if the rebuild is impossible or does not end in time, 2 if the database cannot be reached.
"""

import argparse
import asyncio
import os
import sys
import time
from typing import Final, NoReturn

import asyncpg

from gateway_core.schema.logins import OWNER_URL
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.rollups.generations import Generation, Ledger, State, rebuilt
from usage_service.rollups.store import RollupStore

_CONNECT_TIMEOUT_S: Final = 10
_POLL_S: Final = 0.5
_DEFAULT_WAIT_S: Final = 3_600


class RebuildError(Exception):
    """The rebuild is impossible, or did not end in time. The message says why."""


def main() -> None:
    """Runs one command and exits with its status."""
    arguments = _parser().parse_args()
    url = os.environ.get(OWNER_URL, "")
    if not url:
        _give_up(2, f"set {OWNER_URL}")
    try:
        asyncio.run(_run(url, arguments))
    except RebuildError as error:
        _give_up(1, str(error))
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        _give_up(2, f"the database refused: {type(error).__name__}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m usage_service.rollups",
        description=f"Shows and rebuilds the rollups of usage in the database at {OWNER_URL}. usage_service does the work.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    showing = commands.add_parser("status", help="show how far the rollups of an organization follow its ledger")
    rebuilding = commands.add_parser(
        "rebuild", help="compute the rollups of an organization again, and replace them when they are complete"
    )
    for command in (showing, rebuilding):
        command.add_argument("--organization", required=True)
    rebuilding.add_argument(
        "--wait-s",
        type=int,
        default=_DEFAULT_WAIT_S,
        metavar="N",
        help=f"seconds to wait for the end (default: {_DEFAULT_WAIT_S}). The rebuild goes on without this command",
    )
    return parser


async def _run(url: str, arguments: argparse.Namespace) -> None:
    async with asyncpg.create_pool(url, min_size=1, max_size=1, timeout=_CONNECT_TIMEOUT_S) as pool:
        store = RollupStore(pool)
        if arguments.command == "rebuild":
            await rebuild(store, arguments.organization, arguments.wait_s)
        else:
            ledger = await _ledger(store, arguments.organization)
            for generation in ledger.generations:
                _print(ledger, generation)


async def rebuild(store: RollupStore, organization: str, wait_s: float) -> None:
    """Begins a rebuild and waits until usage_service has replaced the rollups. Prints the progress.

    Raises:
        RebuildError: there is nothing to rebuild, a rebuild is under way, or it did not end within `wait_s` seconds.
    """
    ledger = await _ledger(store, organization)
    new = rebuilt(ledger)
    if new is None or not await store.begin(organization, new):
        raise RebuildError("its rollups are being built already" if ledger.generations else "it has no rollups yet")
    deadline_s = time.monotonic() + wait_s
    shown: Generation | None = None
    while True:
        ledger = await _ledger(store, organization)
        mine = next((one for one in ledger.generations if one.number == new.number), None)
        if mine is None or mine.state is State.RETIRED:
            raise RebuildError("another rebuild replaced this one, because the time zone changed")
        if mine != shown:
            _print(ledger, mine)
            shown = mine
        if mine.state is State.CURRENT:
            return
        if time.monotonic() > deadline_s:
            raise RebuildError("it is not complete yet. It goes on while usage_service runs")
        await asyncio.sleep(_POLL_S)


async def _ledger(store: RollupStore, organization: str) -> Ledger:
    ledgers = await store.ledgers([organization])
    if not ledgers:
        raise RebuildError("there is no such organization, or its ledger is empty")
    return ledgers[0]


def _print(ledger: Ledger, generation: Generation) -> None:
    sys.stdout.write(
        f"generation {generation.number} {generation.state} {generation.time_zone}:"
        f" {generation.sequence} of {ledger.head} events\n"
    )


def _give_up(status: int, reason: str) -> NoReturn:
    sys.stderr.write(f"rollups: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
