"""Command line of the server: `python -m admin_service.first_operator USER`.

It prints an access token that operates, so that a person can sign in where no identity provider knows them yet. Whoever can run
it has the database of admin_service anyway.
"""

import argparse
import asyncio
import datetime as dt
import secrets
import sys
import time
from typing import Final

import asyncpg

from admin_service.access.operators import Operators, parse_operators
from admin_service.first_operator.issuing import AddressTakenError, Issued, Person, issue_operator_token
from gateway_core.model.ids import make_id
from gateway_core.model.organization.bearer_secrets import SECRET_BYTES, pepper_name
from gateway_core.runtime.settings import AdminSettings, StartRefusedError, load_settings
from gateway_core.runtime.telemetry.logs import configure_logging
from gateway_core.stores.postgres.connections import UNAVAILABLE, open_pool

OPERATORS: Final = "MEGAROUTER_OPERATORS"


def main(arguments: list[str] | None = None) -> int:
    """Issues the token and returns the exit status: 0, or 2 if nothing was issued."""
    given = _parser().parse_args(arguments)
    try:
        settings = load_settings(AdminSettings)
        operators = parse_operators(settings.operators)
    except (StartRefusedError, ValueError) as error:
        return _refuse(str(error))
    if given.user not in operators.users:
        return _refuse(_how_to_name(given.user, operators))
    configure_logging("admin_service.first_operator", settings.log_level)
    person = Person(given.user, given.email, given.display_name or given.user)
    try:
        issued = asyncio.run(_issue(settings, person))
    except AddressTakenError:
        return _refuse(f"another user has the address {given.email}; leave --email out, or give another one")
    except StartRefusedError as error:
        return _refuse(str(error))
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        return _refuse(f"the database refused: {type(error).__name__}; `megarouter-admin doctor admin` says more")
    sys.stdout.write(f"{issued.secret}\n")
    who = f"{given.user}, a new user" if issued.is_new_user else given.user
    sys.stderr.write(
        f"Issued to {who}, until {issued.expire_time:%Y-%m-%d %H:%M} UTC. Keep it secret.\n"
        "Paste it into the sign-in page of the console, or set MEGAROUTER_ADMIN_TOKEN for `megarouter`.\n"
    )
    return 0


async def _issue(settings: AdminSettings, person: Person) -> Issued:
    pepper = settings.peppers.current
    life = dt.timedelta(hours=settings.super_admin_token_max_life_h)
    async with (
        asyncio.timeout(settings.schema_wait_ms / 1_000),
        open_pool(settings, "megarouter_admin", pepper=pepper_name(pepper)) as pool,
        pool.acquire() as connection,
    ):
        return await issue_operator_token(
            connection,
            person,
            token=make_id("token", time.time_ns() // 1_000_000, secrets.token_bytes(10)),
            randomness=secrets.token_bytes(SECRET_BYTES),
            pepper=pepper,
            life=life,
        )


def _how_to_name(user: str, operators: Operators) -> str:
    named = ", ".join(sorted(operators.users)) or "no user"
    return (
        f"{OPERATORS} names {named} by id. Add `user:{user}` to it for admin_service, restart it, and run this again. "
        "An id has lower-case letters, digits and hyphens, and begins with a letter."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="megarouter-admin first-operator",
        description=f"Prints an access token for a user whom {OPERATORS} names by `user:ID`, and makes the user if there is none."
        " It reads the settings of admin_service from the environment. The token lives as long as"
        " MEGAROUTER_SUPER_ADMIN_TOKEN_MAX_LIFE_H says, and the operators' audit log has an entry about it.",
    )
    parser.add_argument("user", metavar="USER", help="id of the user, such as olivia")
    parser.add_argument("--email", metavar="ADDRESS", help="address of a new user")
    parser.add_argument("--display-name", metavar="NAME", default="", help="name of a new user")
    return parser


def _refuse(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
