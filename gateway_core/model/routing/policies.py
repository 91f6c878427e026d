"""Policies of routing: whether calls to virtual models are routed, and how much worse an answer may be for it."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from gateway_core.model.capabilities import Tier
from gateway_core.model.record_decorator import record


class RoutingMode(enum.StrEnum):
    """What happens to calls to virtual models."""

    OFF = "OFF"
    """The baseline serves them."""
    SHADOW = "SHADOW"
    """The baseline serves them, and their records say what another choice would have saved."""
    LIVE = "LIVE"
    """The chosen model serves them."""


Floors = Mapping[str, Tier]
"""The lowest tier of model that may serve a use case."""


@record(frozen=True, slots=True)
class RoutingPolicy:
    """What one scope says. None: as the next wider scope says."""

    mode: RoutingMode | None = None
    max_loss_basis_points: int | None = None
    """How much worse than the baseline's the answers may be, as measured, in hundredths of a percent."""
    floors: Floors | None = field(default=None, hash=False)
    allow_override: bool | None = None
    """Whether callers may choose by a header."""
    max_price_model: str | None = None
    """Public name of a model. No dearer one serves a call."""
    holdout_percent: int | None = None
    """How many of 100 conversations the baseline serves although another model was chosen, so that both can be compared."""
    degrade_at_percent: int | None = None
    """From what share of a budget on a cheaper model serves."""


@record(frozen=True, slots=True, eq=False)
class AppliedPolicy:
    """What applies to a call."""

    mode: RoutingMode = RoutingMode.SHADOW
    """Without any policy an organization sees what it would save, and nothing changes for its callers."""
    max_loss_basis_points: int = 100
    floors: Floors = field(default_factory=dict)
    allow_override: bool = True
    max_price_models: tuple[str, ...] = ()
    """None may be dearer than any of them."""
    holdout_percent: int = 5
    degrade_at_percent: int | None = None
    """None: a budget does not change which model serves."""


DEFAULT: Final = AppliedPolicy()


def applied(policies: Iterable[RoutingPolicy]) -> AppliedPolicy:
    """Returns what applies to a call.

    The mode, the loss, the floors and both shares are those of the narrowest scope that sets them. What limits callers
    binds from every scope: one that forbids overrides, and each highest price.

    Args:
        policies: those of the scopes above the call, narrowest first.
    """
    stated = list(policies)
    if not stated:
        return DEFAULT
    return AppliedPolicy(
        mode=next((one.mode for one in stated if one.mode is not None), DEFAULT.mode),
        max_loss_basis_points=next(
            (one.max_loss_basis_points for one in stated if one.max_loss_basis_points is not None),
            DEFAULT.max_loss_basis_points,
        ),
        floors=next((one.floors for one in stated if one.floors is not None), DEFAULT.floors),
        allow_override=all(one.allow_override is not False for one in stated),
        holdout_percent=next(
            (one.holdout_percent for one in stated if one.holdout_percent is not None), DEFAULT.holdout_percent
        ),
        degrade_at_percent=next((one.degrade_at_percent for one in stated if one.degrade_at_percent is not None), None),
        max_price_models=tuple(one.max_price_model for one in stated if one.max_price_model),
    )
