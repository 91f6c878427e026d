"""Strangers who flood the gateway do not slow down customers, even from the customers' own address.

The control run has the same senders, which talk to a bare Envoy that refuses at the headers, so that their own work counts on
both sides.
"""

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.security.attack import ALL_AT_ONCE, FIGURES, HEAD, Ports, Run, Senders, customers, run_under
from tests.security.bare_envoy import BareEnvoy

MEDIAN_FACTOR_MAX = 2
SLOWEST_FACTOR_MAX = 3
ATTACKS = {
    "all at once": ALL_AT_ONCE,
    **{senders.kind: (senders,) for senders in ALL_AT_ONCE},
}


def report(name: str, source: str, control: Run, attack: Run) -> None:
    FIGURES.extend(
        [
            "" if FIGURES else HEAD,
            control.line(f"{name} from {source}: bare Envoy"),
            attack.line(f"{name} from {source}: the gateway"),
            f"    senders at the bare Envoy: {control.counts}",
            f"    senders at the gateway:    {attack.counts}",
        ]
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"], ids=["own address", "another address"])
@pytest.mark.parametrize("name", ATTACKS)
def test_customers_do_not_notice_an_attack(stack: Stack, bare: BareEnvoy, name: str, source: str) -> None:
    url, key = stack.environment["MEGAROUTER_BASE_URL"], stack.environment["MEGAROUTER_API_KEY"]
    attacks: tuple[Senders, ...] = ATTACKS[name]
    customers(url, key, calls=20)
    control = run_under(attacks, Ports(bare.model, bare.admin), source, url, key)
    attack = run_under(attacks, Ports(stack.ports.model, stack.ports.admin), source, url, key)
    report(name, source, control, attack)
    assert set(control.outcomes) == {"200"}, control.outcomes
    assert set(attack.outcomes) == {"200"}, attack.outcomes
    assert attack.median_ms <= MEDIAN_FACTOR_MAX * control.median_ms
    assert attack.slowest_ms <= SLOWEST_FACTOR_MAX * control.slowest_ms
