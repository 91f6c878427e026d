"""Compares holds and ledger on real PostgreSQL and Redis with a model of sums, for any order of events."""

import asyncio
import itertools
import time
from collections import Counter as Tally
from dataclasses import replace
from typing import ClassVar, TypeVar

import asyncpg
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from authz_service.holds.admission import Admissions
from authz_service.holds.placement_floors import PlacementFloors
from deploy.local.programs.redis import RedisServer
from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold, sign_hold
from gateway_core.model.calls.placements import Placed
from gateway_core.model.ledger.transfers import Transfer, adjustment, refund, top_up
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.postgres.hold_store import SpendStore, record_holds
from gateway_core.stores.postgres.ledger_store import post_transfers
from gateway_core.stores.postgres.organization_wall import acting_for
from gateway_core.stores.redis.hold_counters import FinishedCall, HoldCounters
from gateway_core.stores.redis.keys import pool_key
from gateway_core.stores.redis.placing import Rung, placing_terms
from tests.contract.conftest import (  # noqa: F401
    database_url,
    databases,
    postgres_server,
    redis_server,
    single_redis,
    template_database,
)
from tests.contract.usage_service.settlement_cases import (
    CATALOG,
    INPUT_PRICE,
    OUTPUT_PRICE,
    SCHEDULE,
    SIGNING_KEY,
    make_hold,
    make_report,
    make_settlement,
)
from tests.property.usage_service.settlement.ledger_books import Books
from tests.property.usage_service.settlement.ledger_happenings import DISTURBANCES, ENDS, POSTINGS, settlement_of
from tests.property.usage_service.settlement.ledger_model import LedgerModel, ModelCall
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.settlement.charge_decision import ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

T = TypeVar("T")

TOKENS = st.integers(0, 60)
AMOUNTS = st.integers(1, 3_000_000)
PICKS = st.integers(0, 10**6)
BUDGET = 15_000_000
FIRST_DAY_EPOCH_S = 1_779_926_400
_numbers = itertools.count(1)


class LedgerMachine(RuleBasedStateMachine):
    books: ClassVar[Books]
    happened: ClassVar[Tally[str]]
    """How often each event happened, over all examples."""

    @initialize(credit=st.integers(20_000_000, 60_000_000))
    def open_ledger(self, credit: int) -> None:
        self.organization = f"org-{next(_numbers)}"
        self.model = LedgerModel()
        self.holds: dict[str, Hold] = {}
        self.unregistered: list[Hold] = []
        self.reports: list[Settlement] = []
        self.transfers: list[Transfer] = []
        self.revision = 0
        self.day_epoch_s = FIRST_DAY_EPOCH_S
        self.limit = BUDGET
        self.redis_before: dict[bytes, bytes] = {}
        self.redis_may_be_old = False
        self.happened["example"] += 1
        self.counters_api = HoldCounters(self.books.redis)
        self.events = LedgerEvents(self.books.usage)
        snapshots = SpendStore(self.books.authz)
        floors = PlacementFloors(snapshots.highest_placement, time.monotonic)
        names = (lambda: f"g{next(_numbers)}"), _numbers.__next__
        self.admissions = Admissions(self.counters_api, snapshots, floors, 1, *names)
        self.books.run(self._make_organization())
        self._post(top_up(credit, idempotency_key="first", actor="test", reason=""), credit)

    async def _make_organization(self) -> None:
        async with acting_for(self.books.admin, self.organization) as connection:
            await connection.execute(
                "INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", self.organization
            )

    def _counters(self) -> tuple[Counter, Counter]:
        return (
            Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0, self.revision),
            Counter(ScopeKind.ORGANIZATION, self.organization, Cycle.DAILY, self.day_epoch_s),
        )

    def _happened(self, what: str) -> None:
        event(what)
        self.happened[what] += 1

    def _post(self, transfer: Transfer, delta: int) -> None:
        self.books.run(self._post_really(transfer))
        self.transfers.append(transfer)
        self.model.post(transfer.idempotency_key, delta)

    async def _post_really(self, transfer: Transfer) -> None:
        async with acting_for(self.books.admin, self.organization) as connection:
            await post_transfers(connection, self.organization, [transfer])
        await self._follow()

    async def _follow(self) -> None:
        """Updates Redis as usage_service does."""
        applied = await self.books.redis.hget(pool_key(self.organization), "sequence")
        if applied is not None:
            events = await self.events.after(self.organization, int(applied))
            await self.counters_api.apply(self.organization, int(applied), events)

    async def _settle(self, settlements: list[Settlement]) -> None:
        async with self.books.usage.acquire() as connection:
            await settle_batch(connection, settlements)
        await self._follow()

    def _pick(self, number: int, *states: str) -> Hold | None:
        ids = [hold_id for hold_id, call in self.model.calls.items() if call.state in states]
        return self.holds[ids[number % len(ids)]] if ids else None

    def _resolve(self, *settlements: Settlement) -> None:
        self.books.run(self._settle(list(settlements)))
        for settlement in settlements:
            hold_id, resolution = settlement.hold.hold_id, settlement.resolution
            self.model.resolve(hold_id, resolution.outcome, resolution.charge_nano_credits)
            self.unregistered = [hold for hold in self.unregistered if hold.hold_id != hold_id]
        self.reports.extend(settlements)

    @rule(
        calls=st.lists(st.tuples(TOKENS, TOKENS, st.booleans()), min_size=1, max_size=3),
        ends=st.lists(st.tuples(PICKS, st.sampled_from(ENDS)), min_size=2, max_size=5),
        disturbance=st.sampled_from(DISTURBANCES),
        posting=st.tuples(AMOUNTS, st.sampled_from(POSTINGS)),
    )
    def live(
        self,
        calls: list[tuple[int, int, bool]],
        ends: list[tuple[int, str]],
        disturbance: str,
        posting: tuple[int, str],
    ) -> None:
        """Places calls, disturbs them, and ends some of the calls so far.

        This is a single rule because Hypothesis disables rules at random, and calls that never end would test little.
        """
        for input_tokens, output_tokens, registers in calls:
            self._place(input_tokens, output_tokens, registers=registers)
        self._disturb(disturbance)
        for pick, how in ends:
            self._end(pick, how)
            self.postgres_agrees_with_the_model()
        self._move_credit(*posting)

    def _place(self, input_tokens: int, output_tokens: int, *, registers: bool) -> None:
        counters = self._counters()
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
        for name in names:
            self.model.set_limit(name, self.limit)
        limits = Limits(budgets=(self.limit, self.limit), reset_epoch_s=(None, None))
        placement = self.books.run(self.admissions.place([Rung(placing_terms(hold.claims, limits), hold)]))
        self.redis_may_be_old = False
        assert isinstance(placement, Placed) == self.model.admits(amount, names)
        self._happened("placed" if isinstance(placement, Placed) else "refused at a limit")
        if not isinstance(placement, Placed):
            return
        placed = replace(hold, placement=placement.number)
        self.holds[hold.hold_id] = placed
        self.model.calls[hold.hold_id] = ModelCall(amount, names)
        self.unregistered.append(placed)
        if registers:
            self._register()

    def _register(self) -> None:
        if self.unregistered:
            rows = [(hold, sign_hold(hold, SIGNING_KEY)) for hold in self.unregistered]
            self.books.run(record_holds(self.books.authz, rows))
            self.unregistered = []

    def _end(self, pick: int, how: str) -> None:
        match how.split(" ", 1):
            case ["settle", extent]:
                self._settle_one(pick, extent)
            case ["finish", extent]:
                self._finish_one(pick, extent)
            case ["void", _]:
                if hold := self._pick(pick, "HELD"):
                    limited = {"http_status": 429, "upstream_host": None, "flags": frozenset({"RL"})}
                    self._report(make_settlement(hold, facts={}, **limited), how)
            case ["expire", policy]:
                self._expire(pick, ExpiredHoldPolicy(policy))
            case ["late", direction]:
                self._tell_late(pick, direction)
            case _:
                self._report_again(pick, how)

    def _report(self, settlement: Settlement, what: str) -> None:
        if settlement.hold in self.unregistered:
            self._happened("settled before registered")
        self._resolve(settlement)
        self._happened(what)

    def _settle_one(self, pick: int, extent: str) -> None:
        """Settles a call, possibly beyond its hold, and possibly before the hold is in the holds table."""
        if hold := self._pick(pick, "HELD"):
            self._report(settlement_of(hold, extent), f"settle {extent}")

    def _finish_one(self, pick: int, extent: str) -> None:
        """Finishes a call, and then settles it. Redis may have lost it, and then still has, or lacks, the whole hold."""
        if (hold := self._pick(pick, "HELD")) is None:
            return
        settlement, call = settlement_of(hold, extent), self.model.calls[hold.hold_id]
        amount, charge = call.amount, settlement.resolution.charge_nano_credits
        finished = FinishedCall(hold.hold_id, charge, settlement.used_tokens, settlement.counters)
        is_new = not self.books.run(self.books.is_old(self.organization, len(self.holds)))
        if self.books.run(self.counters_api.finish(self.organization, [finished])) and is_new:
            call.amount = charge
        self.redis_agrees_with_the_model_or_is_empty()
        call.amount = amount
        self._report(settlement, f"finish {extent}")

    def _expire(self, pick: int, policy: ExpiredHoldPolicy) -> None:
        self._register()  # Only holds in the holds table can be swept.
        if hold := self._pick(pick, "HELD") or self._pick(pick, "SETTLED", "VOIDED"):
            nothing = replace(make_report(hold), facts={}, http_status=0, request_id="")
            self._resolve(Settlement(hold, nothing, expire(hold, policy, SCHEDULE)))
            self.reports.pop()  # Only the sweeper repeats a sweep, not a report.
            self._happened(f"expire {policy}")

    def _tell_late(self, pick: int, direction: str) -> None:
        if hold := self._pick(pick, "EXPIRED"):
            output_tokens = hold.output_tokens + 30 if direction == "dearer" else 0
            input_tokens = hold.input_tokens if direction == "dearer" else 0
            self._report(
                make_settlement(hold, input_tokens=input_tokens, output_tokens=output_tokens), f"late {direction}"
            )

    def _report_again(self, pick: int, how: str) -> None:
        """Reports the same or other usage again, twice in one batch."""
        if self.reports:
            again = self.reports[pick % len(self.reports)]
            if how == "contradict":
                again = make_settlement(again.hold, output_tokens=again.hold.output_tokens + 7)
            self._resolve(again, again)
            self._happened(how)

    def _move_credit(self, amount: int, kind: str) -> None:
        words = {"idempotency_key": f"{kind} {next(_numbers)}", "actor": "test", "reason": ""}
        match kind:
            case "post twice":
                self._post(self.transfers[amount % len(self.transfers)], 0)
            case "top-up":
                self._post(top_up(amount, **words), amount)
            case "refund":
                self._post(refund(amount, **words), -amount)
            case _:
                signed = amount if kind == "adjustment" else -amount
                self._post(adjustment(signed, **words), signed)
        self._happened(kind)

    def _disturb(self, what: str) -> None:
        match what:
            case "lose Redis":
                self._register()  # A hold on its way to the holds table arrives before any seeding.
                self.books.run(self.books.redis.flushall())
            case "keep Redis":
                self.redis_before = self.books.run(self.books.dump_redis(self.organization))
            case "restore Redis":
                self._register()
                self.books.run(self.books.restore_redis(self.redis_before))
                self.redis_may_be_old = True
                self.books.run(self._follow())
            case "change cycle":
                self._start_new_counter()
            case "next day":
                self.day_epoch_s += 86_400
            case "raise limit":
                self.limit += BUDGET // 3
            case "lower limit":
                self.limit = max(self.limit - BUDGET // 3, BUDGET // 3)
        self._happened(what)

    def _start_new_counter(self) -> None:
        """Starts a counter as a change of cycle does: it starts with the amount spent, and calls under way stay on the old one."""
        self._register()
        self.revision = self.books.run(self._new_revision())
        self.model.carry(self._counters()[0].encode())

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
    def postgres_agrees_with_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        balance, sequence, spend, total = self.books.run(self.books.kept(self.organization))
        assert (balance, sequence) == (self.model.balance, self.model.sequence)
        assert {name: amount for name, amount in spend.items() if amount} == {
            name: amount for name, amount in self.model.settled.items() if amount
        }
        assert total == self.model.balance
        for name, settled in spend.items():
            assert settled + self.model.held_on(name) <= self.model.bound(name)

    @invariant()
    def redis_agrees_with_the_model_or_is_empty(self) -> None:
        if not hasattr(self, "model"):
            return
        names = {name for call in self.model.calls.values() for name in call.counters}
        pool, counters = self.books.run(self.books.in_redis(self.organization, names))
        if pool and int(pool["placements"]) < len(self.holds):
            assert self.redis_may_be_old, "a placement did not detect that Redis is older"
            return  # The next placement detects it and triggers a rebuild.
        if pool:
            assert (int(pool["balance"]), int(pool["held"])) == (self.model.balance, self.model.held)
            assert int(pool["sequence"]) == self.model.sequence
        for name, values in counters.items():
            if values.get("generation") == pool.get("generation"):
                expected = (self.model.settled.get(name, 0), self.model.held_on(name))
                assert (int(values["settled"]), int(values["held"])) == expected

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self._register()
            self.happened["resolved"] += sum(call.state != "HELD" for call in self.model.calls.values())
            self.books.run(self.books.audit(self.organization))


@pytest.fixture
async def database(database_url: str) -> str:  # noqa: F811
    connection = await asyncpg.connect(database_url)
    await sync_catalog(connection, CATALOG)
    await connection.close()
    return database_url


def test_the_databases_agree_with_the_model_for_any_order_of_events(
    database: str,
    redis_server: RedisServer,  # noqa: F811
) -> None:
    """Seen to fail within a few examples in each of these cases:

    - Redis is not updated when an expiry releases a hold.
    - A correction adds its whole charge to the scopes' spend instead of the difference.
    - A correction changes the stored balance twice.
    - Applying a settlement releases the hold's own amount of a call that has finished.
    - A placement does not compare the number of known placements (the floor), so Redis stays in its restored state.

    This test does not confirm holds.
    """
    LedgerMachine.happened = Tally()
    with asyncio.Runner() as runner:
        LedgerMachine.books = Books(database, redis_server.url, runner)
        try:
            run_state_machine_as_test(
                LedgerMachine, settings=settings(max_examples=12, stateful_step_count=25, deadline=None)
            )
        finally:
            runner.run(LedgerMachine.books.close())
    happened = LedgerMachine.happened
    everything = [*ENDS, *DISTURBANCES, *POSTINGS, "refused at a limit", "settled before registered"]
    assert [what for what in everything if not happened[what]] == []
    assert happened["resolved"] >= 0.4 * happened["placed"]
