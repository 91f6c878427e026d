import os
import signal
from pathlib import Path

import asyncpg
import pytest
import redis

from deploy.local.process.children import StartError
from deploy.local.process.recorded_process import identify, send_signal
from deploy.local.programs.postgres import PostgresServer, start_postgres
from deploy.local.programs.redis import is_redis_ready, start_redis
from deploy.local.supervision.leftovers import wait_for_end

POSTGRES_PORT, REDIS_PORT = 18343, 18344


async def _value(server: PostgresServer, query: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_postgresql_keeps_its_data_across_a_restart(tmp_path: Path) -> None:
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="chosen") as server:
        await _value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="chosen") as server:
        assert await _value(server, "SELECT answer FROM kept") == 42


async def test_postgresql_uses_utc_and_utf8_and_knows_time_zones(tmp_path: Path) -> None:
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT) as server:
        assert await _value(server, "SHOW timezone") == "UTC"
        assert await _value(server, "SHOW server_encoding") == "UTF8"
        offset = "SELECT extract(epoch FROM timestamptz '2026-07-01 00:00 Europe/Berlin')::bigint % 86400"
        assert await _value(server, offset) == 22 * 3600


async def test_postgresql_requires_the_password(tmp_path: Path) -> None:
    server = start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="right")
    with server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url.replace("right", "wrong"))


async def test_postgresql_keeps_its_data_after_a_kill(tmp_path: Path) -> None:
    server = start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="chosen")
    await _value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.process.kill()
    server.process.wait()
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="chosen") as again:
        assert await _value(again, "SELECT answer FROM kept") == 42


async def test_an_interrupted_initialization_starts_over(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT) as server:
        assert await _value(server, "SELECT 1") == 1


def test_postgresqls_password_is_in_no_file_of_its_directory(tmp_path: Path) -> None:
    with start_postgres(tmp_path / "postgres", POSTGRES_PORT, password="a-rather-rare-word"):
        pass
    files = [path for path in (tmp_path / "postgres").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"a-rather-rare-word" in path.read_bytes()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to become another user")
async def test_postgresql_started_by_root_runs_in_a_directory_closed_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with start_postgres(closed / "postgres", POSTGRES_PORT) as server:
        assert await _value(server, "SELECT 1") == 1
        assert os.stat(f"/proc/{server.process.pid}").st_uid != 0  # noqa: PTH116
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_port_in_use_is_reported_with_the_servers_message(tmp_path: Path) -> None:
    with start_redis(tmp_path / "first", REDIS_PORT), pytest.raises(StartError, match="Address already in use"):
        start_redis(tmp_path / "second", REDIS_PORT)


def test_redis_requires_a_password_and_never_evicts(tmp_path: Path) -> None:
    with start_redis(tmp_path / "redis", REDIS_PORT, password="right") as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert is_redis_ready(REDIS_PORT, "right")
        assert not is_redis_ready(REDIS_PORT, "wrong")
    assert (tmp_path / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_stopped_servers_leave_no_process(tmp_path: Path) -> None:
    postgres = start_postgres(tmp_path / "postgres", POSTGRES_PORT)
    redis_server = start_redis(tmp_path / "redis", REDIS_PORT)
    identities = [identify(postgres.process.pid), identify(redis_server.process.pid)]
    assert None not in identities
    postgres.stop()
    redis_server.stop()
    assert wait_for_end([identity for identity in identities if identity], 0.0) == []


def test_a_signal_reaches_only_the_process_that_was_recorded(tmp_path: Path) -> None:
    with start_redis(tmp_path / "redis", REDIS_PORT) as server:
        now = identify(server.process.pid)
        assert now
        earlier = type(now)(now.pid, now.start_ticks - 1, now.boot)
        assert not send_signal(earlier, signal.SIGKILL)
        assert server.process.poll() is None
