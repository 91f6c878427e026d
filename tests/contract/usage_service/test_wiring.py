"""usage_service on real PostgreSQL and Redis: every reported call is settled once, in spite of failures."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from envoy.service.accesslog.v3 import als_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis

from gateway_core.runtime.settings import UsageSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.redis.keys import counter_key
from tests.contract.usage_service.service_runs import (
    NO_TRACING,
    START_BALANCE,
    append,
    message,
    numbers,
    place,
    running,
    until,
    until_offset,
    until_pool,
)
from tests.contract.usage_service.settlement_cases import (
    CATALOG,
    breaches,
    charge,
    make_hold,
    make_organization,
    make_report,
    prepare,
    register,
    the_row,
)
from usage_service.wiring import open_service


@pytest.mark.also_on_cluster
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
    key = counter_key("acme", hold.claims.counters[0].encode())
    assert await numbers(redis, key, "settled", "held") == [charge(), 0]
    assert await breaches(owner) == []


async def test_an_endless_stream_does_not_delay_a_stop(owner: asyncpg.Connection, settings: UsageSettings) -> None:
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
            async with asyncio.timeout(30):
                await server.stop(60)


async def test_a_forged_report_is_not_charged_and_not_quoted(
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
        pytest.param({"member": "m\0"}, id="a value that PostgreSQL cannot store"),
        pytest.param({"amount_nano_credits": 2**70}, id="an amount out of range"),
    ],
)
async def test_an_unsettleable_report_does_not_stop_its_batch(
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


async def test_a_batch_survives_an_unresponsive_database_while_the_stream_waits(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    organizations = [f"organization-{number}" for number in range(50)]
    await prepare(owner, *organizations)
    small = {"database_timeout_ms": 200, "settle_queue_entries": 5, "settle_batch_entries": 5}
    reports = [make_report(make_hold(organization)) for organization in organizations]
    async with running(settings.model_copy(update=small)) as service:
        async with owner.transaction():
            await owner.execute("SELECT FROM ledger_heads FOR UPDATE")
            taking = asyncio.create_task(service.take(message(*reports)))
            await asyncio.sleep(0.7)
            assert not taking.done()
            assert service.counts.settled == 0
        await asyncio.wait_for(taking, 30)
        await until(lambda: service.counts.settled == 50)
    assert await breaches(owner) == []


async def test_connections_cut_during_settlement_lose_and_repeat_nothing(
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


async def test_a_stop_settles_all_accepted_reports(owner: asyncpg.Connection, settings: UsageSettings) -> None:
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


async def test_nothing_is_settled_before_there_is_a_catalog(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await make_organization(owner)
    async with open_service(settings, NO_TRACING) as service:
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
    spans = {span.name.partition(" ")[0]: span for span in exporter.get_finished_spans()}
    assert sorted(spans) == ["chat", "settle"]
    assert f"{spans['chat'].context.trace_id:x}" == "a" * 32
    span = spans["settle"]
    assert span.name == "settle acme-1"
    assert [format(link.context.trace_id, "x") for link in span.links] == ["a" * 32]
    assert span.attributes is not None
    assert span.attributes["gen_ai.usage.output_tokens"] == 20
    assert span.attributes["megarouter.settlement.charge_nano_credits"] == charge()
