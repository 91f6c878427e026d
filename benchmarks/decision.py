"""Measures the CPU time of a decision: `python -m benchmarks.decision`. It starts its own PostgreSQL, Redis and authz_service.

A call is one of Envoy's messages as bytes. It is parsed, decided, held on seven scopes and answered as bytes, without a transport.
Several calls are concurrent, as behind Envoy. The figures are the CPU time of each process for one call.
"""

import argparse
import asyncio
import cProfile
import datetime as dt
import itertools
import os
import pstats
import random
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg
import uvloop
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from authz_service.check import AuthzService
from authz_service.wiring import ROLE, open_service
from benchmarks.comparisons import compare
from benchmarks.process_times import cpu_s, postgres_process, redis_process
from benchmarks.settlement import databases
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.stack.database_urls import login_url
from gateway_core.contract.headers import CLUSTER
from gateway_core.contract.metadata import CONVERSATION_NAMESPACE, REQUEST_NAMESPACE
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics, metrics_into
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import sync_catalog

PEPPER: Final = "70" * 32
VIRTUAL_MODEL: Final = "assistant"
SCORED_MODEL: Final = "scored"
"""A virtual model about which each choice takes a comparison, because a loss depends on a score."""
_CALLS_PER_RUN: Final = 1_600
_CONVERSATIONS: Final = 8
"""Of each key."""
_LARGEST_BODY_BYTES: Final = 60_000
PATH: Final = ["g1", "g2", "g3", "g4"]
CATALOG: Final = Catalog.model_validate(
    {
        "providers": [
            {
                "name": "acme-ai",
                "display_name": "Acme AI",
                "credential_env": "ACME_KEY",
                "credential_header": "authorization",
                "stream_options": True,
                "dialects": {"openai": "https://api.acme.example/v1"},
            }
        ],
        "models": [
            {
                "name": name,
                "provider": "acme-ai",
                "upstream_name": name.removeprefix("acme/"),
                "endpoints": ["chat_completions"],
                "context_window_tokens": 100_000,
                "max_output_tokens": 1_000,
                "default_output_reserve_tokens": 500,
                "prices_nano_credits_per_million_tokens": {"input": price, "output": 10 * price},
                "effective_date": dt.date(2024, 1, 1),
            }
            for name, price in (("acme/model-a", 10**6), ("acme/model-b", 10**5))
        ],
    }
)
_HEADERS: Final = {
    ":authority": "gateway.example:10000",
    ":path": "/v1/chat/completions",
    ":method": "POST",
    ":scheme": "http",
    "content-type": "application/json",
    "accept": "application/json",
    "user-agent": "OpenAI/Python 2.8.1",
    "x-stainless-lang": "python",
    "x-stainless-package-version": "2.8.1",
    "x-stainless-os": "Linux",
    "x-stainless-arch": "x64",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.13.1",
    "x-stainless-async": "false",
    "x-stainless-retry-count": "0",
    "x-forwarded-proto": "http",
    "x-request-id": "5a1b8d61-3c0f-4bd6-9a1c-8e2f0f3c7b55",
}
"""The headers of an OpenAI SDK call that Envoy passes on, but for the key and the size of the body."""

_GROUP: Final = (
    "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $2)"
)
_MEMBER: Final = (
    "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, $1, $1, 'g4', 'MEMBER')"
)
_KEY: Final = """
INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)
VALUES ($1, $2, $1, $2, $3, 'mr-…')
"""
_RAIL: Final = """
INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle)
SELECT $1, kind, id, 1000000000000000, 'MONTHLY'
  FROM (VALUES ('api_key', $2), ('member', $1), ('group', 'g4'), ('group', 'g1'), ('organization', $1)) AS scopes (kind, id)
    ON CONFLICT DO NOTHING
"""

_VIRTUAL: Final = """
INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates, baseline_model, losses)
SELECT $1, name || '-' || $1, name, 'organization', $1, '{acme/model-a,acme/model-b}', 'acme/model-a', losses::jsonb
  FROM (VALUES ('assistant', '[["assistant", "acme/model-b", 0]]'), ('scored', '[["scored", "acme/model-b", 0, 1, 7, 10]]'))
    AS models (name, losses)
"""
_LIVE: Final = """
INSERT INTO routing_policies (organization_id, scope_kind, scope_id, mode) VALUES ($1, 'organization', $1, 'LIVE')
"""


def _keys(count: int) -> list[str]:
    return [API_KEY.make(number.to_bytes(32, "big")) for number in range(count)]


async def _fill(owner: asyncpg.Connection, database_url: str, keys: Sequence[str], organizations: int) -> None:
    """Creates organizations of four levels with a member at the bottom, and spreads the keys evenly over them."""
    await migrate_with_derived_logins(owner, database_url)
    await sync_catalog(owner, CATALOG)
    for number in range(organizations):
        name = f"org-{number}"
        await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", name)
        for level, group in enumerate(PATH):
            await owner.execute(_GROUP, name, group, PATH[level - 1] if level else None, PATH[: level + 1])
        await owner.execute("INSERT INTO users VALUES ($1, $1 || '@acme.example', 'Mia')", name)
        await owner.execute(_MEMBER, name)
        await owner.execute(_VIRTUAL, name)
        await owner.execute(_LIVE, name)
    pepper = bytes.fromhex(PEPPER)
    rows = [
        (f"org-{number % organizations}", f"key-{number}", hash_secret(key, pepper)) for number, key in enumerate(keys)
    ]
    await owner.executemany(_KEY, rows)
    await owner.executemany(_RAIL, [row[:2] for row in rows])
    await owner.execute("UPDATE ledger_heads SET sequence = 1")
    await owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = 10^18, sequence = 1 WHERE account = 'CREDIT_POOL'"
    )


def _messages(keys: Sequence[str], model: str = "acme/model-a") -> list[bytes]:
    """Returns some of Envoy's requests for each key, with bodies of many sizes. Those for a virtual model are of conversations."""
    chance = random.Random(1)  # noqa: S311 - no secret
    messages = []
    for number, key in enumerate([*keys] * _CONVERSATIONS):
        request = external_auth_pb2.CheckRequest()
        attributes = request.attributes
        attributes.source.address.socket_address.address = "127.0.0.1"
        attributes.source.address.socket_address.port_value = 40_000
        attributes.destination.address.socket_address.address = "127.0.0.1"
        http = attributes.request.http
        http.method, http.path, http.host, http.protocol = "POST", "/v1/chat/completions", "gateway", "HTTP/1.1"
        body_bytes = int(chance.lognormvariate(7, 1.5)) % _LARGEST_BODY_BYTES + 100
        sent = {**_HEADERS, "authorization": f"Bearer {key}", "content-length": str(body_bytes)}
        http.header_map.headers.extend(
            base_pb2.HeaderValue(key=name, raw_value=value.encode()) for name, value in sent.items()
        )
        attributes.metadata_context.filter_metadata[REQUEST_NAMESPACE].update({"model": model, "max_tokens": 20})
        if model in {VIRTUAL_MODEL, SCORED_MODEL}:
            found = {
                "application": "ab" * 16,
                "session": f"{number:032x}",
                "turns": 5,
                "scores_version": 7,
                "score_1": 9,
            }
            if number % 3 == 0:
                found["in_tool_loop"] = True
            attributes.metadata_context.filter_metadata[CONVERSATION_NAMESPACE].update(found)
        messages.append(request.SerializeToString())
    return messages


@asynccontextmanager
async def _running(database_url: str, redis_url: str, metrics: Metrics) -> AsyncIterator[AuthzService]:
    settings = AuthzSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "authz_database_url": login_url(database_url, ROLE),
            "redis_url": redis_url,
            "hold_signing_key": "5a" * 32,
            "key_pepper": PEPPER,
        }
    )
    async with open_service(settings, Tracing("authz_service", None), metrics) as service:
        while not service.is_ready():  # noqa: ASYNC110 - the service has no event for its start
            await asyncio.sleep(0.01)
        yield service


async def _ask(service: AuthzService, messages: Iterator[bytes], calls: int, at_once: int) -> None:
    """Has this many calls decided, `at_once` of them concurrently.

    Raises:
        RuntimeError: a call was refused.
    """

    check = service.unary_methods[0].handle

    async def worker() -> None:
        for _ in range(calls // at_once):
            answer = await check(next(messages), {})
            if CLUSTER.encode() not in answer:
                raise RuntimeError(external_auth_pb2.CheckResponse.FromString(answer).denied_response.body)

    await asyncio.gather(*(worker() for _ in range(at_once)))


async def _filled(postgres_url: str, arguments: argparse.Namespace) -> list[str]:
    keys = _keys(arguments.keys)
    owner = await asyncpg.connect(postgres_url)
    await _fill(owner, postgres_url, keys, arguments.organizations)
    await owner.close()
    return keys


async def _measure(
    postgres_url: str, redis_url: str, arguments: argparse.Namespace, profile: cProfile.Profile | None
) -> dict[str, str]:
    keys = await _filled(postgres_url, arguments)
    client = Redis.from_url(redis_url, decode_responses=True)
    messages = itertools.cycle(_messages(keys))
    metrics = NO_METRICS
    if arguments.metrics:
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415

        metrics = metrics_into("authz_service", [InMemoryMetricReader()])
    async with _running(postgres_url, redis_url, metrics) as service:
        await _ask(service, messages, max(1_000, arguments.keys), arguments.at_once)
        await client.config_resetstat()
        servers = {"PostgreSQL": await postgres_process(postgres_url), "Redis": await redis_process(client)}
        times: dict[str, Callable[[], float]] = {"authz_service": time.process_time}
        times |= {name: partial(cpu_s, process_id) for name, process_id in servers.items()}
        begun = {name: read() for name, read in times.items()}
        begun_s = time.perf_counter()
        if profile:
            profile.enable()
        await _ask(service, messages, arguments.calls, arguments.at_once)
        if profile:
            profile.disable()
        wall_s = time.perf_counter() - begun_s
        figures = {name: f"{(read() - begun[name]) / arguments.calls * 1e6:.0f} µs" for name, read in times.items()}
        stats = await client.info("commandstats")
        scripts = stats["cmdstat_evalsha"]
        figures["Redis, in scripts"] = f"{scripts['usec'] / arguments.calls:.0f} µs"
    await client.aclose()
    figures["calls/s"] = f"{arguments.calls / wall_s:,.0f}"
    figures["memory"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    return figures


async def _compare(postgres_url: str, redis_url: str, arguments: argparse.Namespace) -> dict[str, str]:
    """Measures decisions about a model of the catalog and about a virtual model in turn, in the same process."""
    keys = await _filled(postgres_url, arguments)
    figures = {}
    async with _running(postgres_url, redis_url, NO_METRICS) as service:
        for name, model in (("routed", VIRTUAL_MODEL), ("routed by a score", SCORED_MODEL)):
            kinds = {False: itertools.cycle(_messages(keys)), True: itertools.cycle(_messages(keys, model))}

            async def run(is_routed: bool, kinds: Mapping[bool, Iterator[bytes]] = kinds) -> float:  # noqa: FBT001 - of two kinds
                begun_s = time.process_time()
                await _ask(service, kinds[is_routed], _CALLS_PER_RUN, arguments.at_once)
                return (time.process_time() - begun_s) / _CALLS_PER_RUN * 1e6

            figures[f"CPU of a decision, {name}"] = str(await compare(run, arguments.routed))
    return figures


def main() -> None:
    """Prints a table, and with `--profile` the slowest functions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=32, help="number of concurrent calls (default: %(default)s)")
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--organizations", type=int, default=1)
    parser.add_argument(
        "--routed",
        type=int,
        default=0,
        metavar="PAIRS",
        help="compare with calls to a virtual model, in so many short runs",
    )
    parser.add_argument("--metrics", action="store_true", help="record metrics, as with a collector")
    parser.add_argument(
        "--profile", type=int, default=0, help="profile, and show this many functions; slows everything down"
    )
    arguments = parser.parse_args()
    profile = cProfile.Profile() if arguments.profile else None
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-decision-") as directory,
        databases(Path(directory)) as (postgres_url, redis_url),
    ):
        measured = (
            _compare(postgres_url, redis_url, arguments)
            if arguments.routed
            else _measure(postgres_url, redis_url, arguments, profile)
        )
        figures = uvloop.run(measured)
    table = Table(title=f"{arguments.calls:,} decisions, {arguments.keys:,} keys, process {os.getpid()}")
    for name, figure in figures.items():
        table.add_row(name, figure)
    Console().print(table)
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(arguments.profile)


if __name__ == "__main__":
    main()
