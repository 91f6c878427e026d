"""Attempts of one call at several deployments: the clusters that make them, and the text by which the module prepares each.

Envoy has a cluster for each order in which the targets of a model can be tried. Attempt n goes to the n-th target of the order.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Final

from gateway_core.model.catalog.entries import Deployment, Model
from gateway_core.model.catalog.providers.provider import Provider

MOST_ATTEMPTS: Final = 3
_MOST_DEPLOYMENTS_WITH_THREE: Final = 4
"""Beyond, the orders of three would be hundreds, and a call has two attempts."""
PREFIX: Final = "fallback-"


def fallback_prefix(attempts: int) -> str:
    """Returns how the names of the clusters begin that make as many attempts."""
    return f"{PREFIX}{attempts}."


def fallback_cluster(targets: Sequence[str]) -> str:
    """Returns the name of the cluster that tries targets in this order. Names of targets have no dot."""
    return f"{fallback_prefix(len(targets))}{'.'.join(targets)}"


def attempts_of(deployments: Sequence[Deployment]) -> int:
    """Returns how many attempts a call to a model with these deployments may make."""
    return min(
        MOST_ATTEMPTS if len(deployments) <= _MOST_DEPLOYMENTS_WITH_THREE else MOST_ATTEMPTS - 1, len(deployments)
    )


def orders_of(providers: Mapping[str, Provider], models: Iterable[Model]) -> tuple[tuple[str, ...], ...]:
    """Returns every order of targets in which a call may be tried, sorted."""
    orders: set[tuple[str, ...]] = set()
    for model in models:
        for dialect in {endpoint.dialect for endpoint in model.endpoints}:
            targets = [providers[one.provider].target(dialect) for one in model.deployments]
            for attempts in range(2, attempts_of(model.deployments) + 1):
                orders.update(permutations(targets, attempts))
    return tuple(sorted(orders))


def encode_rung(target: str, upstream_path: str, upstream_name: str) -> str:
    """Returns the text of one attempt. The catalog and `upstream_path` admit no tab and no line end."""
    return f"{target}\t{upstream_path}\t{upstream_name}"


def encode_ladder(rungs: Iterable[str]) -> str:
    """Returns the text of all attempts, in their order."""
    return "\n".join(rungs)


def encode_own_keys(ids: Iterable[str]) -> str:
    """Returns the ids of the keys of all attempts. An empty id means that the attempt carries the gateway's credential."""
    return " ".join(one or "-" for one in ids)


def may_try_another(provider: Provider) -> bool:
    """Returns whether a call that a provider failed costs nothing there, so that another deployment may be tried."""
    return provider.bills_after_disconnect is None
