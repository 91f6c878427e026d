"""Two PostgreSQL servers, the second one a streaming replica of the first that can be promoted."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from megarouter_envoy.settings.variables import HOST

from deploy.local.process.children import ChildCommand, run_child
from deploy.local.process.privilege import unprivileged_account
from deploy.local.programs.postgres import DATABASE, USER, data_directory, postgres_program
from tests.support.faults.databases import PASSWORD, Postgres

REPLICA = "replica"
_COPY_TIMEOUT_S = 60.0
_SHORTEST_LOOK_S = 0.02


class Pair:
    """A primary and its replica. `url` names both, and wants the one that can be written."""

    def __init__(self, primary: Postgres, replica: Postgres) -> None:
        self.primary = primary
        self.replica = replica

    @property
    def url(self) -> str:
        return self.url_through(self.primary.port)

    def url_through(self, port: int) -> str:
        """Returns a URL that reaches the primary through a proxy at this port."""
        hosts = f"{HOST}:{port},{HOST}:{self.replica.port}"
        return f"postgresql://{USER}:{PASSWORD}@{hosts}/{DATABASE}?target_session_attrs=primary"

    @property
    def replica_place(self) -> str:
        """The replica as a setting names it, through its proxy."""
        return f"postgresql://{HOST}:{self.replica.proxy.port}"

    async def make_synchronous(self) -> None:
        """Makes the primary acknowledge only what the replica has on its disk."""
        await self.configure("synchronous_standby_names", REPLICA)
        owner = await asyncpg.connect(self.primary.url)
        try:
            async with asyncio.timeout(_COPY_TIMEOUT_S):
                while await owner.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":
                    await asyncio.sleep(_SHORTEST_LOOK_S)
        finally:
            await owner.close()

    async def configure(self, name: str, value: str) -> None:
        """Changes a setting of the primary. Commits do not wait for this one."""
        owner = await asyncpg.connect(self.primary.url, server_settings={"synchronous_commit": "local"})
        try:
            await owner.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            await owner.execute("SELECT pg_reload_conf()")
        finally:
            await owner.close()

    async def promote(self) -> None:
        """Makes the replica the primary."""
        owner = await asyncpg.connect(self.replica.url)
        try:
            assert await owner.fetchval("SELECT pg_promote()")
        finally:
            await owner.close()

    async def until_replayed(self) -> None:
        """Waits until the replica has what the primary has now."""
        primary, replica = await asyncpg.connect(self.primary.url), await asyncpg.connect(self.replica.url)
        try:
            position = await primary.fetchval("SELECT pg_current_wal_insert_lsn()")
            async with asyncio.timeout(_COPY_TIMEOUT_S):
                while not await replica.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", position):
                    await asyncio.sleep(_SHORTEST_LOOK_S)
        finally:
            await asyncio.gather(primary.close(), replica.close())


def copy_server(source: Postgres, directory: Path, *options: str) -> None:
    """Copies a running server with `pg_basebackup` as the data of another one."""
    account, data = unprivileged_account(), data_directory(directory)
    data.mkdir(mode=0o700, parents=True)
    if account is not None:
        for made in (directory, data):
            os.chown(made, account.user_id, account.group_id)
    where = f"host={HOST} port={source.port} user={USER} application_name={REPLICA}"
    program = postgres_program("pg_basebackup", account)
    child = ChildCommand(
        [program, "--pgdata=.", f"--dbname={where}", "--checkpoint=fast", "--no-sync", *options],
        {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PGPASSWORD": PASSWORD},
        data,
        directory / "copy.log",
        account=account,
    )
    run_child(child, "pg_basebackup", _COPY_TIMEOUT_S)


@contextmanager
def running_pair(directory: Path) -> Iterator[Pair]:
    """Runs both servers. The replica follows asynchronously."""
    pair = Pair(Postgres(directory / "primary"), Postgres(directory / REPLICA))
    pair.primary.prepare()
    try:
        pair.primary.wait(pair.primary.launch())
        copy_server(pair.primary, pair.replica.directory, "--write-recovery-conf", "--wal-method=stream")
        pair.replica.wait(pair.replica.launch())
        with pair.primary.proxy, pair.replica.proxy:
            yield pair
    finally:
        pair.primary.stop()
        pair.replica.stop()
