"""Command line of the audit: `python -m usage_service.audit`.

The exit status is 0 if every check passed, 1 on a breach, 2 if something could not be examined.
"""

import argparse
import asyncio
import os
import sys
from typing import Final

import asyncpg
from redis.exceptions import RedisError
from rich.console import Console

from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.connections import open_redis
from usage_service.audit.break_outs.attempts import try_break_outs
from usage_service.audit.check import Finding
from usage_service.audit.database import audit_database, open_snapshot
from usage_service.audit.page import print_figures, print_findings
from usage_service.audit.redis_comparison import compare

DATABASE_URL: Final = OWNER_URL
REDIS_URL: Final = "MEGAROUTER_REDIS_URL"
DEFAULT_GRACE_S: Final = 60
DEFAULT_ROWS: Final = 20


def main() -> None:
    """Runs the audit and exits with its status."""
    arguments = _parser().parse_args()
    wanted = [DATABASE_URL, REDIS_URL] if arguments.redis else [DATABASE_URL]
    missing = [name for name in wanted if not os.environ.get(name)]
    if missing:
        _give_up(f"set {' and '.join(missing)}")
    try:
        sys.exit(asyncio.run(_audit(arguments)))
    except asyncpg.LockNotAvailableError as error:
        _give_up(
            f"could not examine everything: {type(error).__name__}. A table is locked, for example by a migration or by"
            " demo data being loaded. Run the audit again afterward."
        )
    except (asyncpg.PostgresError, RedisError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        _give_up(f"could not examine everything: {type(error).__name__}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m usage_service.audit",
        description=f"Proves the invariants of the accounting in one read-only snapshot of the database at {DATABASE_URL}. Also"
        f" tries to break out of the role of each service whose URL is set ({', '.join(SERVICE_URLS.values())}).",
    )
    parser.add_argument("--redis", action="store_true", help=f"also compare the Redis at {REDIS_URL}; only when idle")
    parser.add_argument(
        "--grace-s",
        type=int,
        default=DEFAULT_GRACE_S,
        metavar="N",
        help="seconds that an expired hold may wait for the sweep",
    )
    parser.add_argument(
        "--rows", type=int, default=DEFAULT_ROWS, metavar="N", help="rows to print for each check that fails"
    )
    return parser


async def _audit(arguments: argparse.Namespace) -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    url = os.environ[DATABASE_URL]
    async with open_snapshot(url) as connection:
        report = await audit_database(connection, grace_s=arguments.grace_s, rows_per_check=arguments.rows)
    findings: list[Finding] = list(report.findings)
    break_outs = await try_break_outs(os.environ, arguments.rows)
    if break_outs is not None:
        findings.append(break_outs)
    if arguments.redis:
        async with open_redis(os.environ[REDIS_URL]) as redis:
            findings.append(await compare(url, redis, rows_per_check=arguments.rows))
    print_findings(console, findings)
    console.print()
    print_figures(console, report.figures)
    console.print()
    breaches = sum(finding.breach_count for finding in findings)
    verdict = f"{breaches:,} breaches" if breaches else "every promise holds"
    console.print(f"{verdict}; {len(findings)} checks in {report.duration_s:.1f} s")
    return 1 if breaches else 0


def _give_up(reason: str) -> None:
    sys.stderr.write(f"audit: {reason}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
