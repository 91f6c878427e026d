"""Holds and ledger in any order of events, on real PostgreSQL and Redis, against a model that only sums."""

import asyncio
import itertools
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from authz_service.admission import Admissions
from authz_service.decision import Admission
from authz_service.floors import Floors
from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from gateway_core.domain.cycles import Cycle
from gateway_core.domain.holds import Hold, sign_hold
from gateway_core.domain.ledger import Transfer, adjustment, refund, top_up
from gateway_core.domain.placements import Placed
from gateway_core.domain.scopes import Counter, ScopeKind
from gateway_core.domain.settlement import ExpiredHoldPolicy, expire
from gateway_core.edges.postgres.catalog_store import sync_catalog
from gateway_core.edges.postgres.credit_store import statement
from gateway_core.edges.postgres.hold_store import SpendStore, register_holds
from gateway_core.edges.postgres.ledger_events import LedgerEvents
from gateway_core.edges.postgres.ledger_store import post_transfers
from gateway_core.edges.postgres.organization_wall import acting_for
from gateway_core.edges.postgres.settlement_rows import Settlement
from gateway_core.edges.postgres.settlement_store import settle_batch
from gateway_core.edges.redis.hold_counters import HoldCounters, counter_key, pool_key
from tests.contract.conftest import _with_database, postgres_server, redis_server, template_database  # noqa: F401
from tests.contract.settlement.settlement_cases import (
    CATALOG,
    INPUT_PRICE,
    OUTPUT_PRICE,
    SCHEDULE,
    SIGNING_KEY,
    make_hold,
    make_report,
    make_settlement,
)
from tests.property.ledger_model import LedgerModel, ModelCall
from usage_service.audit.database import audit_database, open_snapshot

T = TypeVar("T")

TOKENS = st.integers(0, 60)
AMOUNTS = st.integers(1, 3_000_000)
PICKS = st.integers(0, 10**6)
BUDGET = 15_000_000
_numbers = itertools.count(1)


class Books:
    """The real thing: connections with the rights of each service."""

    def __init__(self, database_url: str, redis_url: str, runner: asyncio.Runner) -> None:
        self.database_url = database_url
        self.runner = runner
        self.redis = Redis.from_url(redis_url, decode_responses=True)
        self.authz = self.run(self._pool("megarouter_authz"))
        self.usage = self.run(self._pool("megarouter_usage"))
        self.admin = self.run(self._pool("megarouter_admin"))

    async def _pool(self, role: str) -> asyncpg.Pool:
        return await asyncpg.create_pool(self.database_url, min_size=1, max_size=2, server_settings={"role": role})

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    async def close(self) -> None:
        for pool in (self.authz, self.usage, self.admin):
            await pool.close()
        await self.redis.aclose()


class LedgerMachine(RuleBasedStateMachine):
    books: ClassVar[Books]

    @initialize(credit=st.integers(20_000_000, 60_000_000))
    def open_ledger(self, credit: int) -> None:
        self.organization = f"org-{next(_numbers)}"
        self.model = LedgerModel()
        self.holds: dict[str, Hold] = {}
        self.unregistered: list[Hold] = []
        self.reports: list[Settlement] = []
        self.transfers: list[Transfer] = []
        self.revision = 0
        self.counters_api = HoldCounters(self.books.redis)
        self.events = LedgerEvents(self.books.usage)
        snapshots = SpendStore(self.books.authz)
        floors = Floors(snapshots.highest_placement, time.monotonic)
        self.admissions = Admissions(self.counters_api, snapshots, floors, 1, lambda: f"g{next(_numbers)}")
        self.books.run(self._make_organization())
        self._post(top_up(credit, idempotency_key="first", actor="test", reason=""), credit)

    async def _make_organization(self) -> None:
        async with acting_for(self.books.admin, self.organization) as connection:
            await connection.execute(
                "INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", self.organization
            )

    def _member_counter(self) -> Counter:
        return Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0, self.revision)

    def _post(self, transfer: Transfer, delta: int) -> None:
        self.books.run(self._post_really(transfer))
        self.transfers.append(transfer)
        self.model.post(transfer.idempotency_key, delta)

    async def _post_really(self, transfer: Transfer) -> None:
        async with acting_for(self.books.admin, self.organization) as connection:
            await post_transfers(connection, self.organization, [transfer])
        await self._follow()

    async def _follow(self) -> None:
        """Redis follows, as usage_service lets it."""
        applied = await self.books.redis.hget(pool_key(self.organization), "sequence")
        if applied is not None:
            events = await self.events.after(self.organization, int(applied))
            await self.counters_api.apply(self.organization, int(applied), events)

    async def _settle(self, settlements: list[Settlement]) -> None:
        async with self.books.usage.acquire() as connection:
            await settle_batch(connection, settlements)
        await self._follow()

    def _has(self, *states: str) -> bool:
        return any(call.state in states for call in self.model.calls.values())

    def _pick(self, number: int, *states: str) -> Hold:
        ids = [hold_id for hold_id, call in self.model.calls.items() if call.state in states]
        return self.holds[ids[number % len(ids)]]

    def _resolve(self, *settlements: Settlement) -> None:
        self.books.run(self._settle(list(settlements)))
        for settlement in settlements:
            hold_id, resolution = settlement.hold.hold_id, settlement.resolution
            self.model.resolve(hold_id, resolution.outcome, resolution.charge_nano_credits)
            self.unregistered = [hold for hold in self.unregistered if hold.hold_id != hold_id]
        self.reports.extend(settlements)

    @rule(calls=st.lists(st.tuples(TOKENS, TOKENS, st.booleans()), min_size=1, max_size=4))
    def place(self, calls: list[tuple[int, int, bool]]) -> None:
        for input_tokens, output_tokens, registers in calls:
            self._place(input_tokens, output_tokens, registers=registers)

    def _place(self, input_tokens: int, output_tokens: int, *, registers: bool) -> None:
        counters = (self._member_counter(), Counter(ScopeKind.ORGANIZATION, self.organization, Cycle.NEVER, 0))
        amount = input_tokens * INPUT_PRICE * 4 + output_tokens * OUTPUT_PRICE * 4
        hold = make_hold(
            self.organization,
            amount_nano_credits=amount,
            input_tokens=input_tokens * 4,
            output_tokens=output_tokens * 4,
            counters=counters,
            expires_epoch_us=4_000_000_000_000_000,
        )
        names = tuple(counter.encode() for counter in counters)
        self.model.limits[names[0]] = BUDGET
        admission = Admission(hold, (BUDGET, None), (None, None), "", "", False, False, {})  # noqa: FBT003 - of no account here
        placement = self.books.run(self.admissions.place(admission))
        assert isinstance(placement, Placed) == self.model.admits(amount, names)
        if not isinstance(placement, Placed):
            return
        placed = replace(hold, placement=placement.number)
        self.holds[hold.hold_id] = placed
        self.model.calls[hold.hold_id] = ModelCall(amount, names)
        self.unregistered.append(placed)
        if registers:
            self._register()

    @precondition(lambda self: self.unregistered)
    @rule()
    def register(self) -> None:
        self._register()

    def _register(self) -> None:
        if self.unregistered:
            rows = [(hold, sign_hold(hold, SIGNING_KEY)) for hold in self.unregistered]
            self.books.run(register_holds(self.books.authz, rows))
            self.unregistered = []

    @precondition(lambda self: self._has("HELD"))
    @rule(pick=PICKS, tokens=st.tuples(st.integers(0, 300), st.integers(0, 300)), reached=st.booleans())
    def settle(self, pick: int, tokens: tuple[int, int], *, reached: bool) -> None:
        """Also beyond the hold, and also before the register knows it. A call that reached no provider is voided."""
        hold = self._pick(pick, "HELD")
        limited: dict[str, Any] = {"facts": {}, "http_status": 429, "upstream_host": None, "flags": frozenset({"RL"})}
        report = {"input_tokens": tokens[0], "output_tokens": tokens[1]} if reached else limited
        self._resolve(make_settlement(hold, **report))

    @precondition(lambda self: self._has("HELD", "SETTLED", "VOIDED"))
    @rule(pick=PICKS, policy=st.sampled_from(ExpiredHoldPolicy))
    def expire(self, pick: int, policy: ExpiredHoldPolicy) -> None:
        self._register()  # What is not on the register is not swept.
        hold = self._pick(pick, "HELD", "SETTLED", "VOIDED")
        nothing = replace(make_report(hold), facts={}, http_status=0, request_id="")
        self._resolve(Settlement(hold, nothing, expire(hold, policy, SCHEDULE)))
        self.reports.pop()  # A sweep is repeated by sweeping, not by a report.

    @precondition(lambda self: self._has("EXPIRED"))
    @rule(pick=PICKS, output_tokens=st.integers(0, 300))
    def tell_late(self, pick: int, output_tokens: int) -> None:
        self._resolve(make_settlement(self._pick(pick, "EXPIRED"), output_tokens=output_tokens))

    @precondition(lambda self: self.reports)
    @rule(pick=PICKS, output_tokens=st.none() | st.integers(0, 300))
    def report_twice(self, pick: int, output_tokens: int | None) -> None:
        """The same again, or something else, twice in one batch."""
        again = self.reports[pick % len(self.reports)]
        if output_tokens is not None:
            again = make_settlement(again.hold, output_tokens=output_tokens)
        self._resolve(again, again)

    @rule(amount=AMOUNTS, kind=st.sampled_from(["top-up", "adjustment", "taking", "refund"]))
    def post(self, amount: int, kind: str) -> None:
        words = {"idempotency_key": f"{kind} {next(_numbers)}", "actor": "test", "reason": ""}
        match kind:
            case "top-up":
                self._post(top_up(amount, **words), amount)
            case "refund":
                self._post(refund(amount, **words), -amount)
            case _:
                signed = amount if kind == "adjustment" else -amount
                self._post(adjustment(signed, **words), signed)

    @rule(pick=PICKS)
    def post_twice(self, pick: int) -> None:
        self._post(self.transfers[pick % len(self.transfers)], 0)

    @rule()
    def lose_redis(self) -> None:
        """A hold on its way to the register arrives before anybody seeds."""
        self._register()
        self.books.run(self.books.redis.flushall())

    @rule()
    def start_new_counter(self) -> None:
        """As when a cycle is changed: the new counter begins with what was spent, and calls under way stay on the old one."""
        self._register()
        self.revision = self.books.run(self._new_revision())
        self.model.settled[self._member_counter().encode()] = self.model.spent

    async def _new_revision(self) -> int:
        async with acting_for(self.books.admin, self.organization) as connection:
            revision: int = await connection.fetchval(
                "INSERT INTO guardrails (organization_id, scope_kind, scope_id) VALUES ($1, 'member', 'mia')"
                " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE"
                " SET cycle_revision = guardrails.cycle_revision + 1 RETURNING cycle_revision",
                self.organization,
            )
        return revision

    @invariant()
    def postgres_says_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        balance, sequence, spend, total = self.books.run(self._kept())
        assert (balance, sequence) == (self.model.balance, self.model.sequence)
        assert {name: amount for name, amount in spend.items() if amount} == {
            name: amount for name, amount in self.model.settled.items() if amount
        }
        assert total == self.model.balance

    async def _kept(self) -> tuple[int, int, dict[str, int], int]:
        async with acting_for(self.books.usage, self.organization) as connection:
            row = await connection.fetchrow(
                "SELECT balance_nano_credits, h.sequence FROM ledger_heads h JOIN ledger_accounts a USING (organization_id)"
                " WHERE account = 'CREDIT_POOL'"
            )
            assert row
            spend = await connection.fetch("SELECT counter, settled_nano_credits FROM scope_spend")
            transfers = await connection.fetchval(
                "SELECT sum(amount_nano_credits)::bigint FROM ledger_postings WHERE account = 'CREDIT_POOL'"
            )
        return row[0], row[1], dict(map(tuple, spend)), transfers

    @invariant()
    def redis_says_what_the_model_says_or_nothing(self) -> None:
        if not hasattr(self, "model"):
            return
        pool, counters = self.books.run(self._in_redis())
        if pool:
            assert (int(pool["balance"]), int(pool["held"])) == (self.model.balance, self.model.held)
            assert int(pool["sequence"]) == self.model.sequence
        for name, values in counters.items():
            if values.get("generation") == pool.get("generation"):
                expected = (self.model.settled.get(name, 0), self.model.held_on(name))
                assert (int(values["settled"]), int(values["held"])) == expected

    async def _in_redis(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        redis = self.books.redis
        names = {name for call in self.model.calls.values() for name in call.counters}
        found = {name: await _hash(redis, counter_key(self.organization, name)) for name in names}
        return await _hash(redis, pool_key(self.organization)), {
            name: values for name, values in found.items() if values
        }

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self._register()
            self.books.run(self._final_audit())

    async def _final_audit(self) -> None:
        """Nothing contradicts itself, and the statement of any period adds up and agrees with sums of our own."""
        async with open_snapshot(self.books.database_url) as connection:
            report = await audit_database(connection, grace_s=0, rows_per_check=3)
            rows = await connection.fetch(
                "SELECT create_time, amount_nano_credits * CASE credit_account WHEN 'CREDIT_POOL' THEN 1 ELSE -1 END"
                "  FROM ledger_transfers WHERE organization_id = $1 ORDER BY sequence",
                self.organization,
            )
            moments = [row[0] for row in rows[:: max(len(rows) // 4, 1)]]
            for start, end in itertools.combinations_with_replacement(moments, 2):
                period = await statement(connection, self.organization, start, end)
                assert period.opening_balance == sum(row[1] for row in rows if row[0] < start)
                moved = sum(entry.amount_nano_credits for entry in period.entries)
                assert period.opening_balance + moved == period.closing_balance
        assert [finding.breaches for finding in report.findings if finding.breach_count] == []


async def _hash(redis: Redis, key: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in (await redis.hgetall(key)).items()}


@pytest.fixture
async def database(postgres_server: PostgresServer, template_database: str) -> str:  # noqa: F811
    name = f"ledger_machine_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_server.url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    await connection.close()
    url = _with_database(postgres_server.url, name)
    connection = await asyncpg.connect(url)
    await sync_catalog(connection, CATALOG)
    await connection.close()
    return url


def test_whatever_happens_in_whatever_order_the_books_agree_with_the_model(
    database: str,
    redis_server: RedisServer,  # noqa: F811
) -> None:
    with asyncio.Runner() as runner:
        LedgerMachine.books = Books(database, redis_server.url, runner)
        try:
            run_state_machine_as_test(
                LedgerMachine, settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
            )
        finally:
            runner.run(LedgerMachine.books.close())
