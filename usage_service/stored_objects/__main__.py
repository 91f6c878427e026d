"""Command line of the operator: `python -m usage_service.stored_objects`.

The exit status is 0 on success, 1 if the registration is impossible, 2 if the database cannot be reached.
"""

import argparse
import asyncio
import os
import sys
from typing import Final

import asyncpg

from gateway_core.model.calls.stored_objects import ObjectKind, name_of
from gateway_core.schema.logins import OWNER_URL
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.stored_objects.registrations import (
    Registration,
    RegistrationError,
    register,
    registrations_of,
    remove,
)

_CONNECT_TIMEOUT_S: Final = 10


def main() -> None:
    """Runs one command and exits with its status."""
    arguments = _parser().parse_args()
    url = os.environ.get(OWNER_URL, "")
    if not url:
        _give_up(2, f"set {OWNER_URL}")
    try:
        asyncio.run(_run(url, arguments))
    except RegistrationError as error:
        _give_up(1, str(error))
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        _give_up(2, f"the database refused: {type(error).__name__}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m usage_service.stored_objects",
        description=f"Registers ids of objects that a provider stores, in the database at {OWNER_URL}.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="list the registered ids of an organization")
    listing.add_argument("--organization", required=True)
    for command, text in (("register", "let members name an id"), ("remove", "remove a registered id")):
        changing = commands.add_parser(command, help=text)
        changing.add_argument("--organization", required=True)
        changing.add_argument("--member", help="only this member; without it, every member of the organization")
        changing.add_argument("--provider", required=True, help="name of the provider in the catalog")
        changing.add_argument("--kind", required=True, choices=[str(kind) for kind in ObjectKind])
        changing.add_argument("id", help="the id as callers write it")
        if command == "register":
            changing.add_argument("--days", type=_days, help="for how many days; without it, until removed")
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 36_500:
        raise argparse.ArgumentTypeError("from 1 to 36500")
    return days


async def _run(url: str, arguments: argparse.Namespace) -> None:
    connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        if arguments.command == "list":
            for row in await registrations_of(connection, arguments.organization):
                member, expire_time = row["member_id"] or "every member", row["expire_time"]
                until = "" if expire_time.year == _FOREVER_YEAR else f", until {expire_time.isoformat()}"
                sys.stdout.write(f"{row['provider_id']} {row['kind']} {row['object_id']}: {member}{until}\n")
            return
        name = name_of(arguments.kind, arguments.id)
        registration = Registration(arguments.provider, name, arguments.organization, arguments.member)
        if arguments.command == "register":
            await register(connection, registration, arguments.days)
        else:
            await remove(connection, registration)
    finally:
        await connection.close()


_FOREVER_YEAR: Final = 9999
"""How the driver reads PostgreSQL's `infinity`."""


def _give_up(status: int, reason: str) -> None:
    sys.stderr.write(f"stored_objects: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
