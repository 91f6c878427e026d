"""The database is restored to a moment in the past, by the scripts of `deploy/backup`, from a copy made under load.

Redis is emptied, and everything that was settled since then is settled again from the journal.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.process.children import ChildCommand, run_child, start_child, wait_until_ready
from deploy.local.process.privilege import unprivileged_account
from deploy.local.programs.postgres import DATABASE, USER, data_directory, postgres_program
from deploy.local.stack.layout import REPOSITORY
from deploy.local.supervision.embedded_stack import Stack
from tests.faults.conftest import World, open_world
from tests.support.faults import databases
from tests.support.faults.load import Load
from tests.support.faults.recovery import FIGURES
from tests.support.faults.sums import books_equal, settled
from tests.support.ports import free_port_base

SERVICES = ("authz_service", "ratelimit_service", "usage_service", "admin_service", "notification_service")
CALLS = 120
SCRIPT_TIMEOUT_S = 60.0
ARCHIVED_WITHIN_S = 20.0


class Backups:
    """The scripts, run as the user of PostgreSQL, and their folder."""

    def __init__(self, directory: Path, server: databases.Postgres) -> None:
        self.folder = directory / "backups"
        self._server = server
        self._account = unprivileged_account()
        self._scripts = directory / "scripts"
        # The user of PostgreSQL may be unable to reach the checkout.
        shutil.copytree(REPOSITORY / "deploy" / "backup", self._scripts)
        self.folder.mkdir()
        directory.chmod(0o755)
        if self._account is not None:
            os.chown(self.folder, self._account.user_id, self._account.group_id)

    @property
    def archive_command(self) -> str:
        return f'{self._scripts}/archive-wal.sh {self.folder} "%p" %f'

    def run(self, script: str, *arguments: str, directory: Path | None = None) -> None:
        run_child(self._child(script, *arguments, directory=directory), script, SCRIPT_TIMEOUT_S)

    def copies(self) -> list[Path]:
        """Returns the finished copies, the oldest first."""
        return sorted(self.folder.glob("base/[0-9]*"))

    def run_daily_until_it_rests(self) -> None:
        child = self._child("daily-backup.sh")
        process = start_child(child)
        try:
            wait_until_ready(process, "daily-backup.sh", child.log_file, _rests, SCRIPT_TIMEOUT_S)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def _child(self, script: str, *arguments: str, directory: Path | None = None) -> ChildCommand:
        programs = Path(postgres_program("pg_basebackup", self._account)).parent
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self._server.port), "PGUSER": USER, "PGDATABASE": DATABASE}
        return ChildCommand(
            [str(self._scripts / script), str(self.folder), *arguments],
            {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C", "PGPASSWORD": databases.PASSWORD, **where},
            directory or self.folder,
            self._server.directory / "backup.log",
            account=self._account,
        )

    def restore(self, moment: str) -> None:
        """Replaces the data of the stopped server."""
        data = data_directory(self._server.directory)
        data.rename(data.with_name("lost"))
        data.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(data, self._account.user_id, self._account.group_id)
        # It reaches the directory only as its working directory.
        self.run("restore.sh", ".", moment, directory=data)


def _rests(pid: int) -> bool:
    """Whether the shell has decided, and waits for its next look."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return any(_program(child) == "sleep" for child in children)


def _program(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
    except OSError:  # it has ended
        return ""


@pytest.fixture
def backups(servers: tuple[databases.Postgres, databases.Redis]) -> Iterator[Backups]:
    """Backups in a folder that the user of PostgreSQL can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="megarouter-backups-") as folder:
        yield Backups(Path(folder), servers[0])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[databases.Postgres, databases.Redis]]:
    with databases.running(tmp_path_factory.mktemp("restored")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    servers: tuple[databases.Postgres, databases.Redis], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    settings = {
        "MEGAROUTER_DATABASE_URL": servers[0].url,
        "MEGAROUTER_REDIS_URL": servers[1].url,
        "MEGAROUTER_DATABASE_TIMEOUT_MS": "1500",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
    }
    with Stack(tmp_path_factory.mktemp("restored-stack"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
async def world(stack: Stack, servers: tuple[databases.Postgres, databases.Redis]) -> AsyncIterator[World]:
    async with open_world(stack, servers[0].url, servers[1].url) as opened:
        yield opened


async def archive(server: databases.Postgres, backups: Backups) -> None:
    owner = await asyncpg.connect(server.url)
    await owner.execute("ALTER SYSTEM SET archive_mode = on")
    await owner.execute(f"ALTER SYSTEM SET archive_command = '{backups.archive_command}'")
    await owner.close()
    await server.terminate()
    await server.start()


async def until_archived(server: databases.Postgres) -> None:
    """Ends the present segment of the log, and waits until it is in the archive."""
    owner = await asyncpg.connect(server.url)
    try:
        name = await owner.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(ARCHIVED_WITHIN_S):
            while (await owner.fetchval("SELECT last_archived_wal FROM pg_stat_archiver") or "") < name:
                await asyncio.sleep(0.05)
    finally:
        await owner.close()


@pytest.mark.timeout(300)
async def test_a_database_restored_to_a_moment_gets_the_calls_since_then_from_the_journal(
    world: World, servers: tuple[databases.Postgres, databases.Redis], backups: Backups
) -> None:
    """Seen to fail without the journal: 257 of 729 calls had no record."""
    server, redis = servers
    tenants = await world.tenants()
    before = await world.witness.last_sequence()
    await archive(server, backups)
    async with Load(world.session, world.base_url, tenants) as load:
        await load.until_served(CALLS)
        await asyncio.to_thread(backups.run, "base-backup.sh")
        await load.until_served(CALLS, started_after_s=time.monotonic())
        moment = await world.database.fetchval("SELECT clock_timestamp()")
        moment_s = time.monotonic()
        await load.until_served(CALLS, started_after_s=moment_s)
        answered = [outcome.request_id for outcome in load.served if outcome.request_id]
        await books_equal(world.database, answered)
        await until_archived(server)
    later = [one.request_id for one in load.served if one.request_id and one.ended_s > moment_s]
    answered = [outcome.request_id for outcome in load.served if outcome.request_id]
    await books_equal(world.database, answered)

    for service in SERVICES:
        world.stack.stop_process(service)
    await server.kill()
    started_s = time.monotonic()
    backups.restore(moment.isoformat(sep=" "))
    await server.start()
    await until_writable(server)
    restored_s = time.monotonic()
    known = await world.database.fetchval("SELECT count(*) FROM usage_records WHERE request_id = ANY($1)", answered)
    assert known < len(answered), "nothing was lost that the journal could return"
    await redis.terminate()
    await redis.start()
    for service in SERVICES:
        world.stack.start_process(service)
    await books_equal(world.database, answered)
    await settled(tenants)
    done_s = time.monotonic()
    total = await world.check(tenants, answered, before)
    assert total.unconfirmed == 0
    FIGURES.notes.append(
        f"Restored to the moment before the last {len(later)} calls in {restored_s - started_s:.1f} s. {len(answered) - known} of"
        f" {len(answered)} calls were settled from the journal within {done_s - restored_s:.1f} s, with the start of the services."
    )


async def until_writable(server: databases.Postgres) -> None:
    owner = await asyncpg.connect(server.url)
    try:
        async with asyncio.timeout(ARCHIVED_WITHIN_S):
            while await owner.fetchval("SELECT pg_is_in_recovery()"):
                await asyncio.sleep(0.05)
    finally:
        await owner.close()


@pytest.mark.timeout(120)
async def test_a_restart_makes_no_copy_before_the_newest_is_a_day_old(
    servers: tuple[databases.Postgres, databases.Redis], backups: Backups
) -> None:
    """Restarts must not replace the copies of a week. Seen to fail without the comparison: each start made a copy."""
    backups.run_daily_until_it_rests()
    [first] = backups.copies()
    backups.run_daily_until_it_rests()
    assert backups.copies() == [first]
    old = first.rename(first.with_name((datetime.now(UTC) - timedelta(hours=25)).strftime("%Y%m%dT%H%M%SZ")))
    backups.run_daily_until_it_rests()
    [kept, made] = backups.copies()
    assert kept == old
    assert made >= first
