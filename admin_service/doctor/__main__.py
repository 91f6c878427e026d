"""Command line of the doctor: `python -m admin_service.doctor`.

The exit status is 0 if there is no fault, 1 if there is one, 2 if nothing could be examined.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from admin_service.doctor.bundle import write_bundle
from admin_service.doctor.examination import Examination, configured, examine
from admin_service.doctor.findings import Verdict
from gateway_core.runtime.settings import SETTINGS_BY_SERVICE

_HEALTHY, _FAULTY, _NOTHING = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Examines, prints, and returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    unknown = [service for service in given.services if service not in SETTINGS_BY_SERVICE]
    if unknown:
        parser.error(f"{', '.join(unknown)}: choose of {', '.join(SETTINGS_BY_SERVICE)}")
    services = given.services or configured(os.environ)
    if not services:
        sys.stderr.write(
            "no service has all its settings here: run this where one runs, or name it to read what is missing\n"
        )
        return _NOTHING
    examinations = asyncio.run(_examine_all(services))
    for examination in examinations:
        _print(examination, is_with_settings=given.settings)
    if given.bundle is not None:
        try:
            write_bundle(given.bundle, examinations, os.environ, int(time.time()))
        except OSError as error:
            sys.stderr.write(f"{given.bundle}: {error.strerror}\n")
            return _NOTHING
        sys.stdout.write(f"written: {given.bundle}\n")
    verdicts = {finding.verdict for examination in examinations for finding in examination.findings}
    return _FAULTY if Verdict.FAULT in verdicts else _HEALTHY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="megarouter-admin doctor",
        description="Examines a deployment with the MEGAROUTER_* variables of this environment: settings, files,"
        " certificates, PostgreSQL and Redis (version, schema, rights, encryption, eviction),"
        " pooler, replica, and clocks. It changes nothing and shows no secret.",
    )
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"of {', '.join(SETTINGS_BY_SERVICE)}")
    parser.add_argument(
        "--settings", action="store_true", help="also print all settings with their defaults, secrets masked"
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="also write FILE.tar.gz for support, without secrets"
    )
    return parser


async def _examine_all(services: Sequence[str]) -> list[Examination]:
    return [await examine(service, os.environ) for service in services]


def _print(examination: Examination, *, is_with_settings: bool) -> None:
    sys.stdout.write(f"{examination.service}_service\n")
    for finding in examination.findings:
        sys.stdout.write(f"  {finding.verdict:<8} {finding.subject}: {finding.text}\n")
    if is_with_settings:
        sys.stdout.writelines(f"  {name}={value}\n" for name, value in examination.settings.items())


if __name__ == "__main__":
    sys.exit(main())
