"""Strangers who flood the gateway do not slow down customers, even from the customers' own address. Nor do holders of a key.

The control run has the same senders, which talk to a bare Envoy that refuses at the headers, so that their own work counts on
both sides.
"""

from collections.abc import Callable, Sequence

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.security.attack import (
    ALL_AT_ONCE,
    FIGURES,
    WITH_KEY,
    Attack,
    Ports,
    Run,
    Senders,
    customers,
    run_under,
)
from tests.security.bare_envoy import BareEnvoy
from tests.support.data.tenants import Tenant

MEDIAN_FACTOR_MAX = 2
SLOWEST_FACTOR_MAX = 3
ROUNDS = 2
OWN, ANOTHER = "127.0.0.1", "127.0.0.2"
CALLS = 400
CALLS_WITH_ONE_KIND = 200
ATTACKS: dict[str, tuple[tuple[Senders, ...], str, int]] = {
    "all at once from the own address": (ALL_AT_ONCE, OWN, CALLS),
    "all at once from another address": (ALL_AT_ONCE, ANOTHER, CALLS),
    **{
        senders.kind: ((senders,), OWN, CALLS if senders.kind == "idle" else CALLS_WITH_ONE_KIND)
        for senders in (*ALL_AT_ONCE, WITH_KEY)
    },
}


def figures(name: str, where: str, runs: Sequence[Run]) -> list[str]:
    lines = [run.line(f"{name}: {where}") for run in runs]
    return [*lines, f"    senders: {runs[-1].counts}", f"    ms of CPU: {runs[-1].cpu_ms}"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ATTACKS)
def test_customers_do_not_notice_an_attack(
    stack: Stack, bare: BareEnvoy, tenant: Tenant, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Compares the quicker of two runs with the quicker of two controls, because other work on the machine only slows down."""
    senders, source, calls = ATTACKS[name]
    attack = Attack(senders, source, tenant.key, calls)
    environment = stack.environment
    customers(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"], calls=20)
    controls, attacked = [], []
    for _ in range(ROUNDS):
        controls.append(run_under(attack, Ports(bare.model, bare.admin), stack, bare.pid))
        attacked.append(run_under(attack, Ports(stack.ports.model, stack.ports.admin), stack, bare.pid))
    lines = [*figures(name, "bare Envoy", controls), *figures(name, "the gateway", attacked)]
    record_property(FIGURES, "\n".join(lines))
    for run in (*controls, *attacked):
        assert set(run.outcomes) == {"200"}, run.outcomes
    medians, slowest = (
        [min(map(figure, runs)) for runs in (attacked, controls)] for figure in (median, slowest_of_100)
    )
    assert medians[0] <= MEDIAN_FACTOR_MAX * medians[1]
    assert slowest[0] <= SLOWEST_FACTOR_MAX * slowest[1]


def median(run: Run) -> float:
    return run.median_ms


def slowest_of_100(run: Run) -> float:
    return run.slowest_ms
