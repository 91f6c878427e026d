"""Virtual models and policies as the function `routing_of` returns them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from gateway_core.model.capabilities import Tier
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.caller_routing import CallerRouting
from gateway_core.model.routing.policies import RoutingMode, RoutingPolicy, applied
from gateway_core.model.routing.virtual_models import Losses, LossRow, ScoredLoss, ScoredLosses, VirtualModel, nearest

_REMEMBERED: Final = 4_096


def routing_of_text(text: str, scopes: Sequence[Scope]) -> CallerRouting:
    """Returns what routing knows about a caller. Callers with the same models, policies and groups share one value.

    Args:
        text: the result of the function, as JSON.
        scopes: those of the caller, narrowest first.
    """
    shared = tuple(scope for scope in scopes if scope.kind is not ScopeKind.MEMBER)
    if f'"{ScopeKind.API_KEY}"' not in text:
        shared = tuple(scope for scope in shared if scope.kind is not ScopeKind.API_KEY)
    return _routing(text, shared)


@lru_cache(maxsize=_REMEMBERED)
def _routing(text: str, scopes: tuple[Scope, ...]) -> CallerRouting:
    models, policies = json.loads(text)
    stated = {_scope(*values[:2]): _policy(*values[2:]) for values in policies or ()}
    return CallerRouting(
        nearest([virtual_model_of_row(*values) for values in models or ()], scopes),
        applied(stated[scope] for scope in scopes if scope in stated),
    )


def virtual_model_of_row(
    virtual_model_id: str,
    name: str,
    owner_kind: str,
    owner_id: str,
    candidates: Sequence[str],
    baseline: str,
    revision: int,
    is_switched_off: bool,  # noqa: FBT001 - a column
    losses: Sequence[LossRow],
    returned: Sequence[str] = (),
) -> VirtualModel:
    """Returns the virtual model that a row is."""
    return VirtualModel(
        virtual_model_id,
        name,
        _scope(owner_kind, owner_id),
        tuple(candidates),
        baseline,
        revision,
        is_switched_off,
        *losses_of(losses),
        frozenset(returned),
    )


def losses_of(rows: Iterable[LossRow]) -> tuple[Losses, ScoredLosses]:
    """Returns losses by use case and model."""
    losses: dict[str, dict[str, int]] = {}
    scored: dict[str, dict[str, tuple[ScoredLoss, ...]]] = {}
    for use_case, model, points, *limit in rows:
        if limit:
            by_model = scored.setdefault(use_case, {})
            by_model[model] = (*by_model.get(model, ()), ScoredLoss(points, *limit))
        else:
            losses.setdefault(use_case, {})[model] = points
    return losses, scored


def _scope(kind: str, scope_id: str) -> Scope:
    return Scope(ScopeKind(kind), scope_id)


def _policy(
    mode: str | None,
    max_loss_basis_points: int | None,
    floors: Mapping[str, str] | None,
    allow_override: bool | None,  # noqa: FBT001 - a column
    max_price_model: str | None,
    holdout_percent: int | None,
    degrade_at_percent: int | None = None,
) -> RoutingPolicy:
    return RoutingPolicy(
        mode=None if mode is None else RoutingMode(mode),
        max_loss_basis_points=max_loss_basis_points,
        floors=None if floors is None else {use_case: Tier(tier) for use_case, tier in floors.items()},
        allow_override=allow_override,
        max_price_model=max_price_model,
        holdout_percent=holdout_percent,
        degrade_at_percent=degrade_at_percent,
    )
