"""Virtual models: names that callers use like a model, and that the gateway serves with one of several models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from gateway_core.model.catalog.entries import OfferedVirtualModel
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record

MAX_LOSSES: Final = 64
"""Measured losses of one virtual model."""

Losses = Mapping[str, Mapping[str, int]]
"""By use case and model: how much worse than the baseline the model's answers were measured to be, in hundredths of a percent."""


@record(frozen=True, slots=True)
class Scores:
    """What Envoy's module makes of the texts of the user: linear scores, with the version of their weights."""

    version: int = 0
    values: tuple[int, ...] = ()


NO_SCORES: Final = Scores()


@record(frozen=True, slots=True)
class ScoredLoss:
    """A loss that was measured for a use case when the model serves only the calls whose score is low enough."""

    loss_basis_points: int
    number: int
    """Which score, from 1."""
    version: int
    """Of the weights with which it was measured. It says nothing about scores of others."""
    at_most: int

    def covers(self, scores: Scores) -> bool:
        """Returns whether a call with these scores is one of those."""
        return (
            scores.version == self.version
            and self.number <= len(scores.values)
            and scores.values[self.number - 1] <= self.at_most
        )


ScoredLosses = Mapping[str, Mapping[str, tuple[ScoredLoss, ...]]]
"""By use case and model."""
LossRow = tuple[str, str, int] | tuple[str, str, int, int, int, int]
"""Use case, model and loss; and if it holds for calls with a low score, which score, the version of its weights and the limit."""


@record(frozen=True, slots=True, eq=False)
class VirtualModel:
    """One virtual model. It is compared by identity, because every change makes another one."""

    virtual_model_id: str
    """Empty for one of the catalog."""
    name: str
    """What callers write as the model."""
    owner: Scope | None
    """The organization or group that has it; None for one of the catalog, which every organization has."""
    candidates: tuple[str, ...]
    """Public names of the models that may serve it, the baseline included."""
    baseline: str
    """The public name of the model that serves what no other candidate may serve. Savings are measured against it."""
    revision: int = 0
    """Counts its changes."""
    is_switched_off: bool = False
    """Whether the baseline serves every call: the kill switch."""
    losses: Losses = field(default_factory=dict)
    scored_losses: ScoredLosses = field(default_factory=dict)
    returned: frozenset[str] = frozenset()
    """The use cases that are back on the baseline, because routed conversations turned out to be worse than allowed."""


def of_catalog(offered: OfferedVirtualModel) -> VirtualModel:
    """Returns a virtual model of the catalog."""
    return VirtualModel("", offered.name, None, offered.candidates, offered.baseline_model)


Owned = Mapping[str, VirtualModel]
"""Virtual models by name."""


def nearest(models: Iterable[VirtualModel], scopes: Sequence[Scope]) -> Owned:
    """Returns the virtual models of a caller by name: of several with one name, that of the nearest owner.

    Args:
        models: those of the owners above the caller.
        scopes: the scopes above the caller, narrowest first.
    """
    distance = {scope: number for number, scope in enumerate(scopes)}
    chosen: dict[str, VirtualModel] = {}
    for model in sorted(
        (one for one in models if one.owner in distance), key=lambda one: -distance[one.owner] if one.owner else 0
    ):
        chosen[model.name] = model
    return chosen
