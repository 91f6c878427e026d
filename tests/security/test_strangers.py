"""Strangers who flood the gateway do not slow down customers, even from the customers' own address.

The control run has the same senders, which talk to a bare Envoy that refuses at the headers, so that their own work counts on
both sides.
"""

from collections.abc import Sequence

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.security.attack import ALL_AT_ONCE, FIGURES, HEAD, Ports, Run, Senders, customers, run_under
from tests.security.bare_envoy import BareEnvoy

MEDIAN_FACTOR_MAX = 2
SLOWEST_FACTOR_MAX = 3
ROUNDS = 2
ATTACKS = {
    "all at once": ALL_AT_ONCE,
    **{senders.kind: (senders,) for senders in ALL_AT_ONCE},
}


def report(name: str, source: str, where: str, runs: Sequence[Run]) -> None:
    if not FIGURES:
        FIGURES.append(HEAD)
    for run in runs:
        FIGURES.append(run.line(f"{name} from {source}: {where}"))
    FIGURES.extend([f"    senders: {runs[-1].counts}", f"    ms of CPU: {runs[-1].cpu_ms}"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"], ids=["own address", "another address"])
@pytest.mark.parametrize("name", ATTACKS)
def test_customers_do_not_notice_an_attack(stack: Stack, bare: BareEnvoy, name: str, source: str) -> None:
    """Compares the quicker of two runs with the quicker of two controls, because other work on the machine only slows down."""
    attacks: tuple[Senders, ...] = ATTACKS[name]
    environment = stack.environment
    customers(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"], calls=20)
    controls, attacked = [], []
    for _ in range(ROUNDS):
        controls.append(run_under(attacks, Ports(bare.model, bare.admin), source, stack, bare.pid))
        attacked.append(run_under(attacks, Ports(stack.ports.model, stack.ports.admin), source, stack, bare.pid))
    report(name, source, "bare Envoy", controls)
    report(name, source, "the gateway", attacked)
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
