"""The choice of the model that serves a call to a virtual model: a pure function of the call, the policy and the candidates.

First, hard filters: a model that may not or cannot serve the call is out. Then quality: a model without a measured loss for the
use case, or with too high a one, is out. Of the rest the cheapest is chosen. Where nothing is known, the baseline serves.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Final

from gateway_core.model.capabilities import is_below
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.judging import (
    CAN_SERVE,
    FITS,
    NOT_OFFERED,
    UNHEALTHY,
    WORDS,
    Asked,
    Candidate,
    Judged,
    Plan,
    judge,
    without_unhealthy,
)
from gateway_core.model.routing.override_header import OVERRIDE, Override, Wish
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import VirtualModel

_SHOWN_CHARACTERS: Final = 128


class Reason(enum.StrEnum):
    """Why the model was chosen."""

    CHEAPEST = "cheapest"
    """It is the cheapest of those that are good enough."""
    NONE_CHEAPER = "none_cheaper"
    """No candidate that is good enough is cheaper than the baseline."""
    NOT_MEASURED = "not_measured"
    """No other candidate has a measured loss for the use case."""
    BASELINE_UNFIT = "baseline_unfit"
    """The baseline may not or cannot serve the call."""
    BASELINE_UNHEALTHY = "baseline_unhealthy"
    """The baseline would serve the call, but fails at present."""
    CONTINUED = "continued"
    """The body names what the provider of the baseline has stored."""
    KEPT = "kept"
    """The conversation is in the middle of what another model could not take over."""
    STALLED = "stalled"
    """A tool keeps returning the same, so a better model has to find the way out."""
    RETURNED = "returned"
    """Routed conversations of the use case turned out to be worse than allowed, so the baseline serves until that is lifted."""
    DEGRADED = "degraded"
    """A budget is nearly used up, so a cheaper model serves."""
    MODE_OFF = "mode_off"
    SWITCHED_OFF = "switched_off"
    """The kill switch of the virtual model."""
    ASKED_BEST = "asked_best"
    ASKED_CHEAPEST = "asked_cheapest"
    ASKED_MODEL = "asked_model"
    """The caller named the model by a header."""


class Arm(enum.StrEnum):
    """Which of the two models of a choice serves the call."""

    ROUTED = "ROUTED"
    """The chosen one."""
    HOLDOUT = "HOLDOUT"
    """The baseline, because the session is one of those by which both are compared."""
    SHADOW = "SHADOW"
    """The baseline. The record says what the chosen one would have cost."""
    BASELINE = "BASELINE"
    """The baseline, which is the chosen one."""
    OVERRIDDEN = "OVERRIDDEN"
    """The one that the caller asked for."""


@record(frozen=True, slots=True)
class Choice:
    """The outcome."""

    served: str
    """The model that serves the call."""
    chosen: str
    """The model that was chosen. It serves the call unless the arm is SHADOW or HOLDOUT."""
    arm: Arm
    reason: Reason
    is_simple: bool
    """Whether a cheaper model than the baseline is good enough for the call."""
    can_compare: bool
    """Whether the baseline could serve the call, so that the cost of both can be compared."""
    judged: tuple[Judged, ...] = ()
    """The candidates in their order; empty if none had to be judged."""
    cheaper: tuple[str, ...] = ()
    """The models that serve instead once a budget is nearly used up, the dearest first; empty if the policy does not want that."""


@record(frozen=True, slots=True)
class Unroutable:
    """No model may serve the call, or not the one that the caller asks for."""

    parameter: str
    """What of the call is wrong: `model` or the name of the header."""
    message: str
    judged: tuple[Judged, ...] = ()

    @property
    def none_is_offered(self) -> bool:
        """Whether no candidate may be called at all, so that what is wrong with the baseline says more."""
        return bool(self.judged) and all(one.verdict is NOT_OFFERED for one in self.judged)


# Python 3.11 finds members of enumerations slowly, and hashes them slowly, so they are looked up once and compared by identity.
_CHEAPEST: Final = Reason.CHEAPEST
_NONE_CHEAPER: Final = Reason.NONE_CHEAPER
_NOT_MEASURED: Final = Reason.NOT_MEASURED
_BASELINE_UNFIT: Final = Reason.BASELINE_UNFIT
_BASELINE_UNHEALTHY: Final = Reason.BASELINE_UNHEALTHY
_CONTINUED: Final = Reason.CONTINUED
_KEPT: Final = Reason.KEPT
_STALLED: Final = Reason.STALLED
_RETURNED: Final = Reason.RETURNED
_MODE_OFF: Final = Reason.MODE_OFF
_SWITCHED_OFF: Final = Reason.SWITCHED_OFF
_ROUTED: Final = Arm.ROUTED
_HOLDOUT: Final = Arm.HOLDOUT
_BASELINE: Final = Arm.BASELINE
_OVERRIDDEN: Final = Arm.OVERRIDDEN
_ARM_SHADOW: Final = Arm.SHADOW
_SHADOW: Final = RoutingMode.SHADOW
_OFF: Final = RoutingMode.OFF
_LIVE: Final = RoutingMode.LIVE


def choose(plan: Plan, asked: Asked) -> Choice | Unroutable:
    """Returns the model that serves a call, and why; or what is wrong if none may.

    Args:
        plan: what is the same for all calls with this use case and these needs.
        asked: the call.
    """
    virtual, policy = plan.virtual, plan.policy
    judged = judge(plan, asked)
    # Where the baseline serves whatever a choice says, callers notice what it does, failures included.
    if asked.unhealthy and policy.mode is _LIVE and not virtual.is_switched_off:
        judged = without_unhealthy(judged, asked.unhealthy)
    baseline = _serving_baseline(plan, judged)
    good = [one for one in judged if one.verdict is FITS]
    cheaper = [one for one in good if _price(one) < _price(baseline)] if baseline is not None else []
    if baseline is None or asked.override is not None:
        return _without_choice(plan, asked, judged, baseline, is_simple=bool(cheaper))
    chosen, reason = _chosen(virtual, policy, asked, baseline, cheaper, good)
    if chosen.verdict is UNHEALTHY and reason is not _CONTINUED:
        # Where the light models have proved to be too bad, the best one has to serve.
        usable = () if reason in (_RETURNED, _STALLED) else good
        return _instead_of_baseline(plan, judged, usable, is_simple=bool(cheaper))
    degraded: tuple[str, ...] = ()
    if policy.degrade_at_percent is not None and reason in _MAY_DEGRADE:
        degraded = _degraded(policy, _serving(judged), chosen)
    served, arm = chosen, _ROUTED
    if chosen is baseline:
        arm = _BASELINE
    elif policy.mode is _SHADOW:
        served, arm, degraded = baseline, _ARM_SHADOW, ()
    elif baseline.verdict is FITS and asked.conversation.is_held_out(policy.holdout_percent):
        served, arm, degraded = baseline, _HOLDOUT, ()
    return Choice(served.name, chosen.name, arm, reason, bool(cheaper), True, judged, degraded)  # noqa: FBT003 - fields


def _serving_baseline(plan: Plan, judged: Sequence[Judged]) -> Judged | None:
    """Returns the baseline; None if it cannot serve the call, even if it worked."""
    baseline = judged[plan.baseline] if plan.baseline is not None else None
    return baseline if baseline is not None and baseline.verdict in (FITS, UNHEALTHY) else None


def _serving(judged: Sequence[Judged]) -> Mapping[str, Judged]:
    """Returns the candidates that can serve, by name."""
    return {one.name: one for one in judged if one.verdict in CAN_SERVE}


def _instead_of_baseline(plan: Plan, judged: tuple[Judged, ...], good: Sequence[Judged], *, is_simple: bool) -> Choice:
    """Returns the cheapest candidate that is good enough, or else the best that can serve."""
    name = min(good, key=_price).name if good else _best(_serving(judged), plan.candidates)
    return Choice(name, name, _ROUTED, _BASELINE_UNHEALTHY, is_simple, can_compare=True, judged=judged)


def _without_choice(
    plan: Plan, asked: Asked, judged: tuple[Judged, ...], baseline: Judged | None, *, is_simple: bool
) -> Choice | Unroutable:
    """Returns which model serves a call that has asked for one, or whose baseline cannot serve."""
    serving = _serving(judged)
    if not serving:
        return _unroutable(plan.virtual, judged)
    if asked.override is None:
        name, arm, reason = _best(serving, plan.candidates), _ROUTED, _BASELINE_UNFIT
    elif not plan.policy.allow_override:
        return _OVERRIDE_REFUSED
    else:
        wished = _wished(asked.override, serving, baseline, judged, plan.candidates)
        if isinstance(wished, Unroutable):
            return wished
        name, arm, reason = wished, _OVERRIDDEN, _ASKED[asked.override.wish]
    can_compare = plan.baseline is not None and judged[plan.baseline].cost_nano_credits is not None
    return Choice(name, name, arm, reason, is_simple, can_compare, judged)


_MAY_DEGRADE: Final = (_CHEAPEST, _NONE_CHEAPER, _NOT_MEASURED)
"""Other reasons mean that a conversation is in the middle of something, or that people want this very model."""
_CHEAPER_MODELS_MAX: Final = 2
_ASKED: Final = {
    Wish.BEST: Reason.ASKED_BEST,
    Wish.CHEAPEST: Reason.ASKED_CHEAPEST,
    Wish.MODEL: Reason.ASKED_MODEL,
}
_OVERRIDE_REFUSED: Final = Unroutable(
    OVERRIDE, f"You may not choose a route here. Omit the header {OVERRIDE}, or ask your admin to allow it."
)


def _chosen(
    virtual: VirtualModel,
    policy: AppliedPolicy,
    asked: Asked,
    baseline: Judged,
    cheaper: Sequence[Judged],
    good: Sequence[Judged],
) -> tuple[Judged, Reason]:
    if virtual.is_switched_off:
        return baseline, _SWITCHED_OFF
    if policy.mode is _OFF:
        return baseline, _MODE_OFF
    if asked.names_stored:
        return baseline, _CONTINUED
    if asked.use_case in virtual.returned:
        return baseline, _RETURNED
    if cheaper and asked.conversation.is_stalled:
        return baseline, _STALLED
    if asked.before is not None and asked.conversation.is_unfinished:
        for one in good:
            if one.name == asked.before.model:
                return one, _KEPT
    if cheaper:
        return cheaper[0] if len(cheaper) == 1 else min(cheaper, key=_price), _CHEAPEST
    return baseline, _NONE_CHEAPER if any(one is not baseline for one in good) else _NOT_MEASURED


def _degraded(policy: AppliedPolicy, serving: Mapping[str, Judged], chosen: Judged) -> tuple[str, ...]:
    """Returns the next cheaper model and the cheapest one that can serve, however large their loss is."""
    if policy.mode is not _LIVE:
        return ()
    cheaper = sorted((one for one in serving.values() if _price(one) < _price(chosen)), key=_price, reverse=True)
    return tuple(one.name for one in (cheaper[:1] + cheaper[1:][-1:])[:_CHEAPER_MODELS_MAX])


def _price(judged: Judged) -> int:
    return judged.cost_nano_credits or 0


def _best(serving: Mapping[str, Judged], candidates: Sequence[Candidate]) -> str:
    """Returns the best model that can serve: that of the highest tier, and of several the first of the virtual model."""
    usable = [one for one in candidates if one.name in serving]
    best = usable[0]
    for one in usable[1:]:
        if one.model and best.model and one.model.tier and is_below(best.model.tier, one.model.tier):
            best = one
    return best.name


def _wished(
    override: Override,
    serving: Mapping[str, Judged],
    baseline: Judged | None,
    judged: Sequence[Judged],
    candidates: Sequence[Candidate],
) -> str | Unroutable:
    if override.wish is Wish.CHEAPEST:
        return min(serving.values(), key=_price).name
    if override.wish is Wish.BEST:
        return baseline.name if baseline and baseline.name in serving else _best(serving, candidates)
    # Who asks for a model by its name gets it, even if it fails.
    if override.model in serving or any(one.name == override.model and one.verdict is UNHEALTHY for one in judged):
        return override.model
    shown = override.model[:_SHOWN_CHARACTERS]
    usable = ", ".join(serving)
    message = f"The model {shown!r} cannot serve this call. Ask for one of these: {usable}."
    return Unroutable(OVERRIDE, message)


def _unroutable(virtual: VirtualModel, judged: tuple[Judged, ...]) -> Unroutable:
    said = "; ".join(f"{one.name}: {WORDS.get(one.verdict, one.verdict)}" for one in judged)
    message = f"No model of {virtual.name!r} can serve this call ({said})."
    return Unroutable("model", message, judged)
