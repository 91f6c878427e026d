"""usage_service on real PostgreSQL and Redis: every reported call is settled once, whatever fails in between."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from envoy.service.accesslog.v3 import als_pb2, als_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from redis.asyncio import Redis

from deploy.local.redis import start_redis
from gateway_core.domain.holds import Hold
from gateway_core.domain.ledger import top_up
from gateway_core.domain.settlement import CallReport
from gateway_core.edges.postgres.catalog_store import sync_catalog
from gateway_core.edges.postgres.ledger_store import post_transfers
from gateway_core.edges.postgres.settlement_store import settle_batch
from gateway_core.edges.redis.hold_counters import HoldCounters, counter_key, pool_key
from gateway_core.edges.settings import UsageSettings
from gateway_core.edges.telemetry.tracing import Tracing
from tests.contract.conftest import free_port
from tests.contract.settlement.log_entries import journal_line, stream_entry
from tests.contract.settlement.settlement_cases import (
    CATALOG,
    breaches,
    charge,
    make_hold,
    make_organization,
    make_report,
    make_settlement,
    prepare,
    register,
    the_row,
)
from usage_service.service import UsageService, open_usage_service

START_BALANCE = 1_000 * 10**9
NO_TRACING = Tracing("usage_service", None)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "usage.jsonl"


@pytest.fixture
def settings(settings: UsageSettings, journal: Path) -> UsageSettings:
    changes = {"journal_file": journal, "journal_delay_ms": 300, "settle_interval_ms": 5}
    return settings.model_copy(update=changes)


@asynccontextmanager
async def running(settings: UsageSettings, tracing: Tracing = NO_TRACING) -> AsyncIterator[UsageService]:
    async with open_usage_service(settings, tracing) as service:
        await until(service.is_ready)
        yield service


async def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def message(*reports: CallReport) -> als_pb2.StreamAccessLogsMessage:
    entries = [stream_entry(report) for report in reports]
    return als_pb2.StreamAccessLogsMessage(http_logs={"log_entry": entries})


def append(journal: Path, reports: Sequence[CallReport], tail: bytes = b"") -> None:
    with journal.open("ab") as file:
        file.write(b"".join(journal_line(report) for report in reports) + tail)


async def place(redis: Redis, *holds: Hold, sequence: int = 1) -> None:
    """What authz_service leaves in Redis: seeded from a ledger with one top-up, and the holds."""
    counters = HoldCounters(redis)
    organization = holds[0].organization
    await counters.seed_pool(organization, START_BALANCE, 0, sequence, {})
    for counter in holds[0].counters:
        name = counter.encode()
        await counters.seed_counter(organization, name, settled=0, held=0, sequence=sequence, expire_epoch_s=None)
    for hold in holds:
        await counters.place(hold, [None] * len(hold.counters))


async def pool_of(redis: Redis, organization: str = "acme") -> tuple[int, int, int]:
    """Balance, held, sequence."""
    balance, held, sequence = await numbers(redis, pool_key(organization), "balance", "held", "sequence")
    return balance, held, sequence


async def numbers(redis: Redis, key: str, *fields: str) -> list[int]:
    return [int(str(value)) for value in await redis.hmget(key, list(fields))]


async def until_pool(redis: Redis, expected: tuple[int, int, int]) -> None:
    seen = None
    try:
        async with asyncio.timeout(10):
            while (seen := await pool_of(redis)) != expected:
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"Redis is at {seen}, not at {expected}")


async def test_a_call_reported_over_grpc_is_settled_in_postgresql_and_redis(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    hold = make_hold()
    await register(owner, hold)
    await place(redis, hold)
    async with running(settings) as service:
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = als_pb2_grpc.AccessLogServiceStub(channel)
            await stub.StreamAccessLogs(iter([message(make_report(hold))]))
        await server.stop(1)
        await until_pool(redis, (START_BALANCE - charge(), 0, 2))
    key = counter_key("acme", hold.counters[0].encode())
    assert await numbers(redis, key, "settled", "held") == [charge(), 0]
    assert await breaches(owner) == []


async def test_a_stream_that_never_ends_does_not_hold_up_a_stop(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    async with running(settings) as service:
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = als_pb2_grpc.AccessLogServiceStub(channel).StreamAccessLogs()
            await call.write(message(make_report(make_hold())))
            await until(lambda: service.counts.settled == 1)
            service.begin_stop()
            async with asyncio.timeout(1):
                await server.stop(10)


async def test_a_call_in_both_logs_is_settled_once(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(20)]
    async with running(settings) as service:
        await service.take(message(*reports, *reports[::-1]))
        append(journal, reports)
        await until(lambda: service.counts.settled == 20)
        await until_offset(owner, journal)
        assert (service.counts.rescued, service.counts.discrepancies) == (0, 0)
    assert await breaches(owner) == []


async def until_offset(owner: asyncpg.Connection, journal: Path, torn_bytes: int = 0) -> None:
    """Waits until the journal is settled to its end, but for a torn line."""
    expected = journal.stat().st_size - torn_bytes  # noqa: ASYNC240
    async with asyncio.timeout(10):
        while await owner.fetchval("SELECT byte_offset FROM journal_offsets") != expected:
            await asyncio.sleep(0.02)


async def test_what_the_stream_lost_is_settled_from_the_journal(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(10)]
    append(journal, reports)
    async with running(settings) as service:
        await until(lambda: service.counts.settled == 10)
        assert service.counts.rescued == 10
    assert await breaches(owner) == []


async def test_the_journal_is_read_on_from_where_it_was_settled(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    first, second = ([make_report(make_hold()) for _ in range(5)] for _ in range(2))
    torn = journal_line(second[0])
    append(journal, first, tail=torn[:50])
    async with running(settings):
        await until_offset(owner, journal, torn_bytes=50)
    with journal.open("ab") as file:
        file.write(torn[50:])
    append(journal, second[1:])
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.repeated, service.counts.bad_lines) == (5, 0, 0)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 10


async def test_a_bad_line_is_skipped_and_the_rest_is_settled(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(owner)
    append(journal, [make_report(make_hold())], tail=b'{"hold": "v1.secret.x", "status": "bad"}\n')
    append(journal, [make_report(make_hold())])
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.bad_lines) == (2, 1)
    assert "secret" not in caplog.text


async def test_a_rotated_journal_is_settled_to_its_end_and_followed(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path
) -> None:
    await prepare(owner)
    append(journal, [make_report(make_hold())])
    async with running(settings) as service:
        await until(lambda: service.counts.settled == 1)
        append(journal, [make_report(make_hold())])
        journal.rename(journal.with_suffix(".jsonl.1"))  # noqa: ASYNC240
        append(journal, [make_report(make_hold())])
        await until(lambda: service.counts.settled == 3)
        await until_offset(owner, journal)


async def test_a_forged_report_debits_nobody_and_is_not_quoted(
    owner: asyncpg.Connection, settings: UsageSettings, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(owner)
    forged = make_report(make_hold(), key=b"another key, of 32 bytes exactly")
    genuine = make_report(make_hold())
    async with running(settings) as service:
        with caplog.at_level(logging.DEBUG):
            await service.take(message(forged, genuine))
            await until(lambda: service.counts.settled == 1)
        assert service.counts.forged == 1
    assert forged.token not in caplog.text
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 1


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param({"organization": "elsewhere"}, id="an organization that does not exist"),
        pytest.param({"price_version": 99}, id="a price version that does not exist"),
        pytest.param({"requested_model": "unknown"}, id="a model that does not exist"),
        pytest.param({"member": "m\0"}, id="what PostgreSQL cannot store"),
        pytest.param({"amount_nano_credits": 2**70}, id="what does not fit"),
    ],
)
async def test_a_report_that_cannot_be_settled_does_not_stop_its_batch(
    owner: asyncpg.Connection, settings: UsageSettings, journal: Path, poison: dict[str, Any]
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(10)]
    reports.insert(4, make_report(make_hold(**poison)))
    append(journal, reports)
    async with running(settings) as service:
        await until_offset(owner, journal)
        assert (service.counts.settled, service.counts.unsettleable) == (10, 1)
        assert service.is_ready()
    assert await breaches(owner) == []


async def test_a_crash_between_commit_and_counters_is_healed_at_the_next_start(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    holds = [make_hold() for _ in range(3)]
    await place(redis, *holds)
    await settle_batch(owner, [make_settlement(hold) for hold in holds[:2]])
    await post_transfers(owner, "acme", [top_up(77, idempotency_key="k", actor="a", reason="r")])
    held = holds[2].amount_nano_credits
    async with running(settings):
        await until_pool(redis, (START_BALANCE - 2 * charge() + 77, held, 4))


async def test_a_hole_in_what_redis_was_told_is_filled_from_the_ledger(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    """Another settler commits in between and dies before it tells Redis."""
    await prepare(owner)
    holds = [make_hold() for _ in range(3)]
    await place(redis, *holds)
    async with running(settings) as service:
        await settle_batch(owner, [make_settlement(holds[0])])
        await service.take(message(make_report(holds[1]), make_report(holds[2])))
        await until_pool(redis, (START_BALANCE - 3 * charge(), 0, 4))


async def test_redis_restored_to_an_earlier_moment_is_brought_up_again(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    holds = [make_hold() for _ in range(2)]
    await place(redis, *holds)
    before = await snapshot(redis)
    async with running(settings) as service:
        await service.take(message(*(make_report(hold) for hold in holds)))
        await until_pool(redis, (START_BALANCE - 2 * charge(), 0, 3))
        await restore(redis, before)
        await until_pool(redis, (START_BALANCE - 2 * charge(), 0, 3))


async def snapshot(redis: Redis) -> dict[str, Any]:
    return {str(key): await redis.hgetall(str(key)) for key in await redis.keys("mr:*")}


async def restore(redis: Redis, contents: dict[str, Any]) -> None:
    await redis.flushall()
    for key, fields in contents.items():
        await redis.hset(key, mapping=fields)


async def test_a_top_up_reaches_redis_at_once(owner: asyncpg.Connection, redis: Redis, settings: UsageSettings) -> None:
    await prepare(owner)
    hold = make_hold()
    await place(redis, hold)
    async with running(settings) as service:
        await service.take(message(make_report(hold)))
        await until_pool(redis, (START_BALANCE - charge(), 0, 2))
        await post_transfers(owner, "acme", [top_up(5, idempotency_key="k", actor="a", reason="r")])
        async with asyncio.timeout(1):
            await until_pool(redis, (START_BALANCE - charge() + 5, 0, 3))


async def test_settlement_goes_on_while_redis_is_stalled_and_redis_follows_later(
    owner: asyncpg.Connection, settings: UsageSettings, tmp_path: Path
) -> None:
    """What Redis was sent while it was stalled is carried out late, besides what is sent again."""
    await prepare(owner)
    holds = [make_hold() for _ in range(30)]
    with start_redis(tmp_path / "redis", free_port()) as server:
        redis = Redis.from_url(server.url, decode_responses=True)
        await place(redis, *holds)
        async with running(settings.model_copy(update={"redis_url": SecretStr(server.url)})) as service:
            server.process.send_signal(signal.SIGSTOP)
            for hold in holds:
                await service.take(message(make_report(hold)))
                await asyncio.sleep(0.05)
            await until(lambda: service.counts.settled == 30)
            server.process.send_signal(signal.SIGCONT)
            await until_pool(redis, (START_BALANCE - 30 * charge(), 0, 31))
        await redis.aclose()


async def test_settlement_goes_on_without_redis(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    nowhere = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    changes = {"redis_url": nowhere, "shutdown_grace_ms": 200}
    async with running(settings.model_copy(update=changes)) as service:
        await service.take(message(*(make_report(make_hold()) for _ in range(20))))
        await until(lambda: service.counts.settled == 20)
    assert await breaches(owner) == []


async def test_a_batch_outlives_a_database_that_does_not_answer_and_the_stream_waits(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    small = {"database_timeout_ms": 200, "settle_queue_entries": 5, "settle_batch_entries": 5}
    reports = [make_report(make_hold()) for _ in range(50)]
    async with running(settings.model_copy(update=small)) as service:
        async with owner.transaction():
            await owner.execute("SELECT FROM ledger_heads FOR UPDATE")
            taking = asyncio.create_task(service.take(message(*reports)))
            await asyncio.sleep(0.7)
            assert not taking.done()
            assert service.counts.settled == 0
        await asyncio.wait_for(taking, 10)
        await until(lambda: service.counts.settled == 50)
    assert await breaches(owner) == []


async def test_connections_cut_in_the_middle_lose_and_double_nothing(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    reports = [make_report(make_hold()) for _ in range(600)]
    async with running(settings.model_copy(update={"settle_batch_entries": 20})) as service:
        taking = asyncio.create_task(service.take(message(*reports)))
        for _ in range(8):
            await asyncio.sleep(0.03)
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'megarouter_usage%' AND datname = current_database()"
            )
        await taking
        await until(lambda: service.counts.settled + service.counts.repeated >= 600)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 600
    assert await breaches(owner) == []


async def test_a_stop_settles_what_was_taken(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    async with running(settings) as service:
        await service.take(message(*(make_report(make_hold()) for _ in range(700))))
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 700


async def test_a_price_newer_than_the_cache_is_fetched(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    async with running(settings) as service:
        model = CATALOG.models[0]
        schedule = model.schedules[0]
        dearer = schedule.model_copy(update={"prices": schedule.prices.model_copy(update={"output": 10**12})})
        changed = model.model_copy(update={"schedules": (dearer,)})
        await sync_catalog(owner, CATALOG.model_copy(update={"models": (changed,)}))
        await service.take(message(make_report(make_hold(price_version=2))))
        await until(lambda: service.counts.settled == 1)
    assert await the_row(owner, "SELECT charge_nano_credits, price_version FROM usage_records") == {
        "charge_nano_credits": 40 * 2_000 + 20 * 10**6,
        "price_version": 2,
    }


async def test_nothing_is_settled_before_there_is_a_catalogue(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await make_organization(owner)
    async with open_usage_service(settings, NO_TRACING) as service:
        await service.take(message(make_report(make_hold())))
        await asyncio.sleep(0.2)
        assert not service.is_ready()
        await sync_catalog(owner, CATALOG)
        await until(lambda: service.counts.settled == 1)


async def test_a_sampled_call_gets_a_span_that_links_to_its_trace(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sampled = make_report(make_hold(), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    unsampled = replace(make_report(make_hold()), traceparent=f"00-{'c' * 32}-{'d' * 16}-00")
    async with running(settings, Tracing("usage_service", provider)) as service:
        await service.take(message(sampled, unsampled, make_report(make_hold())))
        await until(lambda: service.counts.settled == 3)
    (span,) = exporter.get_finished_spans()
    assert span.name == "settle acme-1"
    assert [format(link.context.trace_id, "x") for link in span.links] == ["a" * 32]
    assert span.attributes is not None
    assert span.attributes["gen_ai.usage.output_tokens"] == 20
    assert span.attributes["megarouter.settlement.charge_nano_credits"] == charge()
