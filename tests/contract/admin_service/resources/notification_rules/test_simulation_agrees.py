"""For a history, a simulated rule reports the alerts that the follower really raised, whatever budgets carry or count."""

import datetime as dt
import json
import random
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import guardrail_pb2, notification_rule_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.notification_rule_pb2 import NotificationRule
from megarouter.type.v1.time_range_pb2 import TimeRange

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, period_at, period_before
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.notification_rules.test_simulation import ACME, CALL, TO_OWNER, usage
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.settlement.store import settle_batch

__all__ = ["usage"]

UTC = ZoneInfo("UTC")
MAY = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
MODEL = "acme-1"
Told = tuple[str, int, int, dt.datetime]
"""Models, percent, limit in calls, and when the call was placed."""


class History:
    """A member with budgets, whose calls the follower decides about one by one."""

    def __init__(self, owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
        self.owner = owner
        self.follower = AlertFollower(pool, AccountRefusals())
        self._pool = pool

    async def begin(self, cycle: Cycle, own: int, of_model: int, rollover: object = None) -> None:
        """Gives the member a budget of `own` calls, and one of `of_model` calls of a model."""
        options = {} if rollover is None else {"rollover": rollover}
        await self.owner.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, rollover, model_budgets)"
            " VALUES ('acme', 'member', 'below', $1, $2, $3, $4)",
            own * CALL, cycle.value, None if rollover is None else json.dumps(rollover),
            json.dumps([[MODEL, of_model * CALL, *([options] if options else [])]]),
        )  # fmt: skip
        await self.owner.execute("DELETE FROM notification_rules WHERE rule_id <> 'budgets'")
        await self.follower.follow_once()

    async def call(self, time: dt.datetime, cycle: Cycle, *, is_of_model: bool) -> None:
        """Makes a call, as authz_service and usage_service do, and lets the follower decide."""
        revision = await self.owner.fetchval("SELECT cycle_revision FROM guardrails WHERE scope_id = 'below'")
        start = period_at(cycle, UTC, time.timestamp()).start_epoch_s
        counters = []
        for models in ("", MODEL) if is_of_model else ("",):
            counter = Counter(ScopeKind.MEMBER, "below", cycle, start, revision, models)
            if cycle is not Cycle.NEVER:
                before = period_before(cycle, UTC, start).start_epoch_s
                previous = Counter(ScopeKind.MEMBER, "below", cycle, before, revision, models)
                await self.owner.execute("SELECT recorded_carry('acme', $1, $2)", counter.encode(), previous.encode())
            counters.append(counter)
        hold = make_hold(
            placed_epoch_us=int(time.timestamp() * 1e6), counters=tuple(counters), member="below", api_key="key-below",
            group_path=("eng", "platform", "inference"), requested_model=MODEL if is_of_model else "acme-2",
        )  # fmt: skip
        await settle_batch(self.owner, [make_settlement(hold)])
        await self.follower.follow_once()

    async def raised(self) -> Sequence[Told]:
        """Returns what the follower raised, in the order of the calls."""
        rows = await self.owner.fetch(
            "SELECT coalesce(e.data -> 'budget' ->> 'models', '') AS models,"
            " (e.data -> 'threshold' ->> 'percent')::integer AS percent,"
            " (e.data -> 'budget' ->> 'limitNanoCredits')::bigint AS limit, coalesce(u.place_time, e.occur_time) AS time"
            " FROM alert_events e LEFT JOIN usage_records u ON u.hold_id = e.hold_id"
            " WHERE e.event_type = 'budget.threshold_reached'"
        )
        return sorted(((row["models"], row["percent"], row["limit"] // CALL, row["time"]) for row in rows), key=by_time)

    async def simulated(self, client: Client, start: dt.datetime, end: dt.datetime) -> Sequence[Told]:
        """Returns what a rule like the one from the start reports of the same time."""
        await caught_up(RollupFollower(self._pool))
        first, last = Timestamp(), Timestamp()
        first.FromDatetime(start)
        last.FromDatetime(end)
        rule = NotificationRule(
            display_name="Try", scope=f"{ACME}/members/below", recipients=[TO_OWNER], threshold_percents=[80, 90, 100],
            event_types=["budget.threshold_reached"],
        )  # fmt: skip
        request = notification_rule_pb2.SimulateNotificationRuleRequest(
            parent=ACME, notification_rule=rule, time_range=TimeRange(start_time=first, end_time=last)
        )
        answer = await client.call("SimulateNotificationRule", request)
        assert not answer.approximate
        return sorted(
            (
                (one.models, one.threshold_percent, one.limit_nano_credits // CALL, one.occur_time.ToDatetime(dt.UTC))
                for one in answer.alerts
            ),
            key=by_time,
        )


def by_time(one: Told) -> tuple[dt.datetime, str, int]:
    return one[3], one[0], one[1]


@pytest.fixture
def history(owner: asyncpg.Connection, usage: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> History:
    """The follower decides about periods that are over, too."""
    monkeypatch.setattr("usage_service.alerts.store._LATE", dt.timedelta(days=3_650))
    return History(owner, usage)


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_simulated_is_what_was_raised(client: Client, people: None, history: History, seed: int) -> None:
    """Seen to differ for budgets with rollover, and to know nothing of those for some models."""
    dice = random.Random(seed)
    cycle = dice.choice((Cycle.DAILY, Cycle.WEEKLY, Cycle.NEVER))
    rollovers = (None, {}, {"cap": dice.randint(1, 5) * CALL}) if cycle is not Cycle.NEVER else (None,)
    await history.begin(cycle, dice.randint(4, 7), dice.randint(2, 5), dice.choice(rollovers))
    minutes = sorted(dice.sample(range(6 * 24 * 60), 30))
    for minute in minutes:
        await history.call(MAY + dt.timedelta(minutes=minute), cycle, is_of_model=dice.random() < 0.6)
    raised = await history.raised()
    assert raised
    assert await history.simulated(client, MAY, MAY + dt.timedelta(days=7)) == raised


async def test_a_carry_moves_the_thresholds_of_the_next_period(client: Client, people: None, history: History) -> None:
    await history.begin(Cycle.DAILY, 5, 5, {})
    await history.call(MAY + dt.timedelta(hours=1), Cycle.DAILY, is_of_model=False)
    for hour in range(25, 34):
        await history.call(MAY + dt.timedelta(hours=hour), Cycle.DAILY, is_of_model=False)
    raised = await history.raised()
    assert [(percent, limit) for _, percent, limit, _ in raised] == [(80, 9), (100, 9)]
    assert await history.simulated(client, MAY, MAY + dt.timedelta(days=3)) == raised


async def test_a_temporary_limit_counts_while_it_is_in_force(client: Client, people: None, history: History) -> None:
    """Seen to differ: the simulation knew only the base limit."""
    start = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    await history.begin(Cycle.NEVER, 20, 1_000)
    for _ in range(3):
        await history.call(dt.datetime.now(dt.UTC), Cycle.NEVER, is_of_model=False)
    end = Timestamp()
    end.FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    limit = Guardrail.TemporaryLimit(end_time=end, budget_nano_credits=5 * CALL)
    name = f"{ACME}/guardrails/member-below"
    present = await client.call("GetGuardrail", guardrail_pb2.GetGuardrailRequest(name=name))
    changed = Guardrail(name=name, etag=present.etag, temporary_limit=limit)
    mask = FieldMask(paths=["temporary_limit"])
    await client.call("UpdateGuardrail", guardrail_pb2.UpdateGuardrailRequest(guardrail=changed, update_mask=mask))
    await history.follower.follow_once()
    for _ in range(3):
        await history.call(dt.datetime.now(dt.UTC), Cycle.NEVER, is_of_model=False)
    raised = await history.raised()
    assert [(percent, limit) for _, percent, limit, _ in raised] == [(80, 5), (100, 5)]
    assert await history.simulated(client, start, dt.datetime.now(dt.UTC)) == raised


@pytest.mark.parametrize(("cycle", "rollover"), [(Cycle.NEVER, None), (Cycle.MONTHLY, None), (Cycle.MONTHLY, {})])
async def test_a_reset_arms_the_thresholds_of_both_budgets_again(
    client: Client, people: None, history: History, cycle: Cycle, rollover: object
) -> None:
    """Seen to differ: the simulation knew nothing of resets."""
    start = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    await history.begin(cycle, 5, 3, rollover)
    for _ in range(2):
        for _ in range(5):
            await history.call(dt.datetime.now(dt.UTC), cycle, is_of_model=True)
        reset = guardrail_pb2.ResetGuardrailRequest(name=f"{ACME}/guardrails/member-below")
        await client.call("ResetGuardrail", reset)
        await history.follower.follow_once()
    raised = await history.raised()
    assert len(raised) >= 2 * 3
    assert await history.simulated(client, start, dt.datetime.now(dt.UTC)) == raised
