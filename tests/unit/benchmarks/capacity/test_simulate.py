"""The simulation loses no call, agrees with the formula far below saturation, and gets worse with more load."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import takewhile
from random import Random

import pytest

from benchmarks.capacity.costs import BatchCosts, Costs
from benchmarks.capacity.load import Load, arrivals
from benchmarks.capacity.model import Plan, uses
from benchmarks.capacity.settling import Batching
from benchmarks.capacity.simulate import Result, quantile, report, simulate
from tests.support.repository import ROOT

STEADY = Load(400.0, organizations=20, burst_factor=1.0)
PLAN = Plan(2, 400.0, postgres_cores=2)
COSTS = Costs(
    decision_s=0.001,
    placing_s=0.0001,
    following_s=0.0001,
    reading_s=0.0001,
    other_postgres_s=0.0001,
    wal_s=1e-5,
    batch=BatchCosts(idle=(0.002, 0.0, 0.0), postgres=(0.002, 0.0001, 0.0001), service=(0.001, 0.0001, 0.0)),
)


def run(load: Load = STEADY, plan: Plan = PLAN, costs: Costs = COSTS, seed: int = 1, seconds: float = 10.0) -> Result:
    return simulate(plan, load, Random(seed), seconds=seconds, costs=costs)


@pytest.mark.parametrize("calls_per_second", [50.0, 400.0, 20_000.0])
def test_every_call_is_settled_or_waits(calls_per_second: float) -> None:
    result = run(replace(STEADY, calls_per_second=calls_per_second), seconds=2.0)
    assert result.decided == result.settled + result.waiting
    assert result.arrived >= result.decided
    assert result.settled > 0


def test_the_same_seed_gives_the_same_result() -> None:
    assert run(seed=3, seconds=2.0) == run(seed=3, seconds=2.0)
    assert run(seed=3, seconds=2.0) != run(seed=4, seconds=2.0)


def test_far_below_saturation_it_agrees_with_the_formula() -> None:
    plan = Plan(10, 2_000.0)
    result = simulate(plan, Load(2_000.0, burst_factor=1.0), Random(1), seconds=10.0)
    formula = {use.resource: use.share for use in uses(plan)}
    assert result.settled_per_second == pytest.approx(2_000, rel=0.03)
    # It shows the busiest of the gateways.
    for name, tolerance in (("cores of each gateway", 0.15), ("PostgreSQL WAL", 0.05)):
        assert result.used[name] == pytest.approx(formula[name], rel=tolerance), name


def test_a_lone_call_waits_for_its_batch_and_its_commit() -> None:
    result = run(Load(0.5, organizations=1, burst_factor=1.0), replace(PLAN, envoys=1), seconds=200.0)
    expected = Batching.interval_s + 0.0001 + (0.001 + 0.0001) + (0.002 + 0.0002) + 1e-5 + 0.002
    assert quantile(result.lag_s, 0.5) == pytest.approx(expected, rel=0.01)
    assert quantile(result.decision_s, 0.5) == pytest.approx(0.0011, rel=0.01)


def test_more_calls_wait_longer_and_use_more() -> None:
    results = [run(replace(STEADY, calls_per_second=calls)) for calls in (200.0, 800.0, 2_400.0)]
    lags = [quantile(result.lag_s, 0.99) for result in results]
    assert lags == sorted(lags)
    for name in results[0].used:
        shares = [result.used[name] for result in results]
        assert shares == sorted(shares), name


def test_more_cores_of_postgres_do_no_harm() -> None:
    load = replace(STEADY, calls_per_second=3_000.0)
    lags = [quantile(run(load, replace(PLAN, postgres_cores=cores)).lag_s, 0.99) for cores in (1, 2, 8)]
    assert lags == sorted(lags, reverse=True)


def test_batches_of_one_organization_wait_for_each_other() -> None:
    """With 50 gateways and 10 ms for which a batch holds the head, at most 100 batches a second settle."""
    slow = replace(COSTS, batch=BatchCosts(idle=(0.01, 0.0, 0.0), postgres=(0.0, 0.0, 0.0), service=(0.0, 0.0, 0.0)))
    plan = Plan(50, 2_000.0)
    one = run(Load(2_000.0, organizations=1, burst_factor=1.0), plan, slow, seconds=5.0)
    assert one.scarcest == "ledger of one organization"
    assert one.is_saturated
    many = run(Load(2_000.0, organizations=2_000, largest_share=0.0005, burst_factor=1.0), plan, slow, seconds=5.0)
    assert many.calls_per_batch < one.calls_per_batch


def test_a_batch_waits_for_the_head_of_its_largest_organization() -> None:
    """So an organization with little use waits as long as the largest one, which the formula does not see."""
    slow = replace(COSTS, batch=BatchCosts(idle=(0.02, 0.0, 0.0), postgres=(0.0, 0.0, 0.0), service=(0.0, 0.0, 0.0)))
    result = run(Load(2_000.0, organizations=10, burst_factor=1.0), Plan(50, 2_000.0), slow, seconds=5.0)
    assert result.scarcest == "ledger of one organization"
    assert result.settled_per_second < 1_400, "the calls of the others alone are as many"


def test_batches_that_leave_busy_organizations_settle_the_others() -> None:
    slow = replace(COSTS, batch=BatchCosts(idle=(0.02, 0.0, 0.0), postgres=(0.0, 0.0, 0.0), service=(0.0, 0.0, 0.0)))
    load, plan = Load(2_000.0, organizations=10, burst_factor=1.0), Plan(50, 2_000.0)
    waits, leaves = (
        simulate(plan, load, Random(1), seconds=5.0, costs=slow, batching=Batching(leaves_busy=one))
        for one in (False, True)
    )
    assert leaves.decided == leaves.settled + leaves.waiting
    assert leaves.settled_per_second > 1.3 * waits.settled_per_second
    assert quantile(leaves.lag_s, 0.5) < quantile(waits.lag_s, 0.5)


def test_batches_that_leave_busy_organizations_need_more_of_scarce_cores() -> None:
    load, plan = Load(2_000.0, burst_factor=1.0), Plan(20, 2_000.0, postgres_cores=1)
    waits, leaves = (
        simulate(plan, load, Random(1), seconds=5.0, batching=Batching(leaves_busy=one)) for one in (False, True)
    )
    assert leaves.calls_per_batch < 0.5 * waits.calls_per_batch
    assert leaves.used["PostgreSQL cores"] > 1.4 * waits.used["PostgreSQL cores"]
    assert quantile(leaves.lag_s, 0.99) > 2 * quantile(waits.lag_s, 0.99)


def test_usage_services_that_share_a_core_use_more_of_it() -> None:
    load, plan = Load(1_000.0, burst_factor=1.0), Plan(20, 1_000.0)
    alone, shared = (
        simulate(plan, load, Random(1), seconds=3.0, services_per_core=one).used["usage_service of each gateway"]
        for one in (1, 20)
    )
    assert shared > 10 * alone


def test_calls_come_as_often_as_asked_with_and_without_bursts() -> None:
    for load in (STEADY, replace(STEADY, burst_factor=5.0, burst_share=0.2)):
        found = Counter(one for _, one in takewhile(lambda call: call[0] < 200, arrivals(load, Random(2))))
        assert found.total() == pytest.approx(200 * load.calls_per_second, rel=0.04)
        assert found[0] / found.total() == pytest.approx(load.largest_share, rel=0.12)
        assert sum(load.shares) == pytest.approx(1.0)


def test_bursts_make_counts_vary_more() -> None:
    def variance(load: Load) -> float:
        counts = Counter(
            int(time_s) for time_s, one in takewhile(lambda call: call[0] < 300, arrivals(load, Random(5))) if not one
        )
        mean = counts.total() / 300
        return sum((counts[second] - mean) ** 2 for second in range(300)) / 300 / mean

    assert variance(STEADY) == pytest.approx(1.0, abs=0.3)
    assert variance(replace(STEADY, burst_factor=5.0)) > 5


def test_the_report_names_what_is_saturated() -> None:
    load = replace(STEADY, calls_per_second=20_000.0)
    assert "Saturated: " in report(run(load, seconds=1.0), load)
    assert "Nothing is saturated." in report(run(seconds=1.0), STEADY)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--envoys", "0"],
        ["--largest-share", "2"],
        ["--burst-share", "-1"],
        ["--seconds", "0"],
        ["--services-per-core", "0"],
    ],
)
def test_impossible_numbers_are_refused(wrong: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.capacity.simulate", "--envoys", "1", "--calls-per-second", "1", *wrong]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must be" in done.stderr


@pytest.mark.parametrize("envoys", [10, 100])
def test_the_page_shows_what_the_program_prints(envoys: int) -> None:
    calls = str(envoys * 200)
    command = [
        sys.executable,
        "-m",
        "benchmarks.capacity.simulate",
        "--envoys",
        str(envoys),
        "--calls-per-second",
        calls,
    ]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() in (ROOT / "docs" / "guides" / "capacity.md").read_text("utf-8")
