"""Has the files of exports made, each by a process of its own, and deletes exports that have expired."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg

from admin_service.analytics.signatures.keys import CERTIFICATE_FILE, KEY_FILE
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.making import DATABASE_URL
from admin_service.resources.usage_exports.store import Claim, ClaimLostError
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_PAUSE_S: Final = 2.0
"""After a process that failed."""
_BATCH: Final = 20
_LAST_OF_ERRORS: Final = 500
_LONGEST_LINE: Final = 65_536
_WAITING: Final = "SELECT organization_id, export_id FROM usage_exports_waiting($1)"
_EXPIRED: Final = "SELECT organization_id, export_id FROM usage_exports_expired($1)"
_MODULE: Final = "admin_service.resources.usage_exports.making"

Make = Callable[[Claim], "subprocess.Popen[bytes]"]
"""Starts the process that makes a file, with a pipe for its errors."""


def process_of(database_url: str, replica: Mapping[str, str]) -> Make:
    """Returns what starts a process that logs in at this URL, and reads from the replica of these variables.

    It gets nothing else of the service's environment that is secret.
    """
    passed = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", KEY_FILE, CERTIFICATE_FILE)
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    environment |= {**replica, DATABASE_URL: database_url}

    def start(claim: Claim) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", _MODULE, claim.organization, claim.export, claim.token],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip

    return start


class ExportRunner:
    """Makes one file at a time, so replicas of the service share the work, and none of them is taken by it."""

    def __init__(self, pool: asyncpg.Pool, make: Make, new_token: Callable[[], str]) -> None:
        """Prepares the work.

        Args:
            pool: logged in as admin_service.
            make: starts the process that makes a file.
            new_token: returns a text that no other claim has.
        """
        self._pool = pool
        self._make = make
        self._new_token = new_token

    async def keep_running(self, interval_s: float = INTERVAL_S) -> None:
        """Makes files, and deletes expired exports, until canceled."""
        while True:
            try:
                await self.delete_expired()
                if await self.run_one():
                    continue
            except (*UNAVAILABLE, asyncpg.PostgresError, OSError) as error:
                logger.warning("cannot make exports", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)

    async def delete_expired(self) -> int:
        """Deletes exports that have expired, at most 20. Returns how many."""
        async with self._pool.acquire() as connection:
            expired = await connection.fetch(_EXPIRED, _BATCH)
        for organization, export in expired:
            async with acting_for(self._pool, organization) as connection:
                await store.delete_export(connection, organization, export)
        return len(expired)

    async def run_one(self) -> bool:
        """Makes the file that waits longest, as far as no other process does. Returns whether there was one."""
        async with self._pool.acquire() as connection:
            waiting = await connection.fetch(_WAITING, _BATCH)
        for organization, export in waiting:
            claim = Claim(organization, export, self._new_token())
            async with acting_for(self._pool, organization) as connection:
                attempts = await store.claim_export(connection, claim)
                if attempts is not None and attempts > store.MAX_ATTEMPTS:
                    await store.end_export(connection, organization, export, "FAILED", "INTERNAL_FAULT", _given_up())
                    return True
            if attempts is not None:
                await self._run(claim)
                return True
        return False

    async def _run(self, claim: Claim) -> None:
        process = self._make(claim)
        ending = asyncio.create_task(asyncio.to_thread(_end_of, process))
        try:
            while not ending.done():
                if not await self._may_go_on(claim):
                    break
                await asyncio.wait({ending}, timeout=INTERVAL_S)
        finally:
            process.kill()  # does nothing if it has ended
            reason = await ending
        if process.returncode not in {0, -9}:
            logger.warning(
                "the process that makes an export failed",
                extra={"export": claim.export, "status": process.returncode, "error": reason},
            )
            async with acting_for(self._pool, claim.organization) as connection:
                await store.release_claim(connection, claim)
            await asyncio.sleep(_PAUSE_S)

    async def _may_go_on(self, claim: Claim) -> bool:
        """Renews the claim. Returns whether the process may go on; ends the export if it takes too long."""
        try:
            async with acting_for(self._pool, claim.organization) as connection:
                duration_s = await store.renew_claim(connection, claim)
                if duration_s <= store.MAX_DURATION_S:
                    return True
                await store.end_export(
                    connection, claim.organization, claim.export, "FAILED", "EXPORT_TOO_SLOW", _too_slow()
                )
        except ClaimLostError:
            pass  # canceled, deleted, finished, or taken over
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            # The process notices by itself, or ends before the lease does.
            logger.warning("cannot renew the claim on an export", extra={"error": type(error).__name__})
            return True
        return False


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """Waits for the end of a process. Returns the last line of what it reports, which names the error."""
    last = b""
    with process:
        while process.stderr and (line := process.stderr.readline(_LONGEST_LINE)):
            last = line
    return last.decode(errors="replace").strip()[-_LAST_OF_ERRORS:]


def _given_up() -> str:
    return (
        f"The process that makes the file ended {store.MAX_ATTEMPTS} times before it got further. Start the export again. If it"
        " fails again, report the id of this export to the operator; the service's log describes the fault."
    )


def _too_slow() -> str:
    return f"Making the file took more than {store.MAX_DURATION_S / 60:.0f} minutes. Choose a shorter period or a narrower filter."
