"""The choice of the model that serves a call to a virtual model: a pure function of the call, the policy and the candidates.

First, hard filters: a model that may not or cannot serve the call is out. Then quality: a model without a measured loss for the
use case, or with too high a one, is out. Of the rest the cheapest is chosen. Where nothing is known, the baseline serves.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway_core.model.capabilities import Capability, is_below
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.conversations import NO_CONVERSATION, Before, Conversation
from gateway_core.model.routing.needs import Body
from gateway_core.model.routing.override_header import OVERRIDE, Override, Wish
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import NO_SCORES, ScoredLoss, Scores, VirtualModel

USUAL_OUTPUT_TOKENS: Final = 500
"""What an answer is expected to have, for comparing costs. A lower limit in the body replaces it."""
_SHOWN_CHARACTERS: Final = 128


class Verdict(enum.StrEnum):
    """What the choice found about a candidate."""

    FITS = "fits"
    NOT_OFFERED = "not_offered"
    """The catalog does not offer it for this call: its endpoint, a whitelist, or no price for what the body asks."""
    LACKS_CAPABILITY = "lacks_capability"
    WINDOW_TOO_SMALL = "window_too_small"
    BELOW_FLOOR = "below_floor"
    TOO_DEAR = "too_dear"
    LOSS_UNKNOWN = "loss_unknown"
    LOSS_TOO_HIGH = "loss_too_high"
    SCORE_TOO_HIGH = "score_too_high"
    """Its loss was measured for texts with lower scores."""


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
class Candidate:
    """A model that may serve, and what the catalog and the guardrails say about it for calls like this one."""

    name: str
    model: Model | None = None
    schedule: PriceSchedule | None = None
    """Both are None if it may not serve the call."""


@record(frozen=True, slots=True)
class Asked:
    """What the choice depends on, of one call."""

    use_case: str
    needs: frozenset[Capability]
    body: Body
    output_limit: int | None
    names_stored: bool = False
    """Whether the body names what a provider has stored."""
    override: Override | None = None
    conversation: Conversation = NO_CONVERSATION
    before: Before | None = None
    """What was chosen for the conversation before; None if that is not known."""
    marks_cache: bool = False
    """Whether the body marks something that the provider is to cache."""
    scores: Scores = NO_SCORES
    """Of what the user wrote."""


@record(frozen=True, slots=True)
class Judged:
    """A candidate with its verdict."""

    name: str
    verdict: Verdict
    cost_nano_credits: int | None = None
    """What the call is expected to cost with it; None if it cannot serve."""
    loss_basis_points: int | None = None
    """Its measured loss for the use case, in hundredths of a percent; None if there is none."""


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
    judged: tuple[Judged, ...]
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
        return bool(self.judged) and all(one.verdict is Verdict.NOT_OFFERED for one in self.judged)


# Python 3.11 finds members of enumerations slowly, and hashes them slowly, so they are looked up once and compared by identity.
_FITS: Final = Verdict.FITS
_NOT_OFFERED: Final = Verdict.NOT_OFFERED
_LACKS_CAPABILITY: Final = Verdict.LACKS_CAPABILITY
_WINDOW_TOO_SMALL: Final = Verdict.WINDOW_TOO_SMALL
_BELOW_FLOOR: Final = Verdict.BELOW_FLOOR
_TOO_DEAR: Final = Verdict.TOO_DEAR
_LOSS_UNKNOWN: Final = Verdict.LOSS_UNKNOWN
_LOSS_TOO_HIGH: Final = Verdict.LOSS_TOO_HIGH
_SCORE_TOO_HIGH: Final = Verdict.SCORE_TOO_HIGH
_CHEAPEST: Final = Reason.CHEAPEST
_NONE_CHEAPER: Final = Reason.NONE_CHEAPER
_NOT_MEASURED: Final = Reason.NOT_MEASURED
_BASELINE_UNFIT: Final = Reason.BASELINE_UNFIT
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


def choose(
    virtual: VirtualModel,
    policy: AppliedPolicy,
    candidates: Sequence[Candidate],
    asked: Asked,
    dearest: Sequence[Candidate] = (),
) -> Choice | Unroutable:
    """Returns the model that serves a call, and why; or what is wrong if none may.

    Args:
        virtual: the model that the caller named.
        policy: what applies to the call.
        candidates: all of the virtual model, in its order.
        asked: the call.
        dearest: the models of `policy.max_price_models`.
    """
    most_nano_credits = min((_cost_of(one, asked) for one in dearest), default=None) if dearest else None
    judged = [_judge(one, virtual, policy, asked, most_nano_credits) for one in candidates]
    serving = {one.name: one for one in judged if one.verdict in _CAN_SERVE}
    if not serving:
        return _unroutable(virtual, judged)
    baseline = serving.get(virtual.baseline)
    good = [one for one in judged if one.verdict is _FITS]
    cheaper = [one for one in good if baseline and _price(one) < _price(baseline)]
    simple = bool(cheaper)
    if asked.override is not None:
        if not policy.allow_override:
            return _OVERRIDE_REFUSED
        wished = _wished(asked.override, serving, baseline, candidates)
        if isinstance(wished, Unroutable):
            return wished
        return Choice(wished, wished, _OVERRIDDEN, _ASKED[asked.override.wish], simple, tuple(judged))
    if baseline is None:
        name = _best(serving.values(), candidates)
        return Choice(name, name, _ROUTED, _BASELINE_UNFIT, is_simple=False, judged=tuple(judged))
    chosen, reason = _chosen(virtual, policy, asked, baseline, cheaper, good)
    degrades = policy.degrade_at_percent is not None and reason in _MAY_DEGRADE
    degraded = _degraded(policy, serving, serving[chosen]) if degrades else ()
    if chosen == virtual.baseline:
        return Choice(chosen, chosen, _BASELINE, reason, simple, tuple(judged), degraded)
    if policy.mode is _SHADOW:
        return Choice(virtual.baseline, chosen, _ARM_SHADOW, reason, simple, tuple(judged))
    if asked.conversation.is_held_out(policy.holdout_percent):
        return Choice(virtual.baseline, chosen, _HOLDOUT, reason, simple, tuple(judged))
    return Choice(chosen, chosen, _ROUTED, reason, simple, tuple(judged), degraded)


_MAY_DEGRADE: Final = (_CHEAPEST, _NONE_CHEAPER, _NOT_MEASURED)
"""Other reasons mean that a conversation is in the middle of something, or that people want this very model."""
_CHEAPER_MODELS_MAX: Final = 2
_CAN_SERVE: Final = (_FITS, _LOSS_UNKNOWN, _LOSS_TOO_HIGH, _SCORE_TOO_HIGH)
"""The verdicts of models that may and can serve the call, though some of them may be worse than allowed."""
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
) -> tuple[str, Reason]:
    if virtual.is_switched_off:
        return baseline.name, _SWITCHED_OFF
    if policy.mode is _OFF:
        return baseline.name, _MODE_OFF
    if asked.names_stored:
        return baseline.name, _CONTINUED
    if asked.use_case in virtual.returned:
        return baseline.name, _RETURNED
    if cheaper and asked.conversation.is_stalled:
        return baseline.name, _STALLED
    before = asked.before
    if before and asked.conversation.is_unfinished and any(one.name == before.model for one in good):
        return before.model, _KEPT
    if cheaper:
        return min(cheaper, key=_price).name, _CHEAPEST
    measured = any(one.name != virtual.baseline for one in good)
    return baseline.name, _NONE_CHEAPER if measured else _NOT_MEASURED


def _degraded(policy: AppliedPolicy, serving: Mapping[str, Judged], chosen: Judged) -> tuple[str, ...]:
    """Returns the next cheaper model and the cheapest one that can serve, however large their loss is."""
    if policy.mode is not _LIVE:
        return ()
    cheaper = sorted((one for one in serving.values() if _price(one) < _price(chosen)), key=_price, reverse=True)
    return tuple(one.name for one in (cheaper[:1] + cheaper[1:][-1:])[:_CHEAPER_MODELS_MAX])


def _judge(
    candidate: Candidate, virtual: VirtualModel, policy: AppliedPolicy, asked: Asked, most_nano_credits: int | None
) -> Judged:
    model = candidate.model
    if model is None or candidate.schedule is None:
        return Judged(candidate.name, _NOT_OFFERED)
    if not asked.needs <= model.capabilities:
        return Judged(candidate.name, _LACKS_CAPABILITY)
    is_baseline = candidate.name == virtual.baseline
    tokens = asked.body.input_tokens(model.upstream_name)
    if not _fits_window(model, tokens, asked.output_limit, is_baseline=is_baseline):
        return Judged(candidate.name, _WINDOW_TOO_SMALL)
    cost = _cost(candidate.name, model, candidate.schedule, tokens[0], asked)
    if most_nano_credits is not None and cost > most_nano_credits:
        return Judged(candidate.name, _TOO_DEAR, cost)
    if is_baseline:
        return Judged(candidate.name, _FITS, cost, 0)
    floor = policy.floors.get(asked.use_case)
    if floor is not None and is_below(model.tier, floor):
        return Judged(candidate.name, _BELOW_FLOOR, cost)
    loss = virtual.losses.get(asked.use_case, _NO_LOSSES).get(candidate.name)
    if loss is not None and loss <= policy.max_loss_basis_points:
        return Judged(candidate.name, _FITS, cost, loss)
    if scored := virtual.scored_losses.get(asked.use_case, _NO_SCORED).get(candidate.name):
        covered = [one.loss_basis_points for one in scored if one.covers(asked.scores)]
        if covered and min(covered) <= policy.max_loss_basis_points:
            return Judged(candidate.name, _FITS, cost, min(covered))
        if any(one.loss_basis_points <= policy.max_loss_basis_points for one in scored):
            return Judged(candidate.name, _SCORE_TOO_HIGH, cost, loss)
    verdict = _LOSS_UNKNOWN if loss is None and not scored else _LOSS_TOO_HIGH
    return Judged(candidate.name, verdict, cost, loss)


_NO_LOSSES: Final[Mapping[str, int]] = {}
_NO_SCORED: Final[Mapping[str, tuple[ScoredLoss, ...]]] = {}


def _fits_window(model: Model, tokens: tuple[int, int], output_limit: int | None, *, is_baseline: bool) -> bool:
    """Whether a call fits for certain: a token of text is at least one byte.

    The baseline is what callers would get without routing, so for it the usual size decides.
    """
    usual_tokens, most_tokens = tokens
    input_tokens = usual_tokens if is_baseline else most_tokens
    return input_tokens + min(output_limit or 0, model.max_output_tokens) <= model.context_window_tokens


def _cost(name: str, model: Model, schedule: PriceSchedule, input_tokens: int, asked: Asked) -> int:
    """Returns what the call is expected to cost in nano-credits. What the model has cached costs less, and filling a cache more."""
    prices = schedule.prices_for(input_tokens)
    output_tokens = min(asked.output_limit or USUAL_OUTPUT_TOKENS, USUAL_OUTPUT_TOKENS, model.max_output_tokens)
    cost = charge_nano_credits(output_tokens, prices.output)
    before = asked.before
    warm_tokens = min(before.warm_tokens, input_tokens) if before and before.model == name else 0
    if warm_tokens:
        cost += charge_nano_credits(warm_tokens, prices.by_category["cache_read"])
    cold = prices.by_category["cache_write_5m"] if asked.marks_cache else prices.input
    return cost + charge_nano_credits(input_tokens - warm_tokens, cold)


def _cost_of(candidate: Candidate, asked: Asked) -> int:
    model = candidate.model
    if model is None or candidate.schedule is None:
        return 0
    return _cost(candidate.name, model, candidate.schedule, asked.body.input_tokens(model.upstream_name)[0], asked)


def _price(judged: Judged) -> int:
    return judged.cost_nano_credits or 0


def _best(serving: Iterable[Judged], candidates: Sequence[Candidate]) -> str:
    """Returns the best model that can serve: that of the highest tier, and of several the first of the virtual model."""
    names = {one.name for one in serving}
    usable = [one for one in candidates if one.name in names]
    best = usable[0]
    for one in usable[1:]:
        if one.model and best.model and one.model.tier and is_below(best.model.tier, one.model.tier):
            best = one
    return best.name


def _wished(
    override: Override, serving: Mapping[str, Judged], baseline: Judged | None, candidates: Sequence[Candidate]
) -> str | Unroutable:
    if override.wish is Wish.CHEAPEST:
        return min(serving.values(), key=_price).name
    if override.wish is Wish.BEST:
        return baseline.name if baseline else _best(serving.values(), candidates)
    if override.model in serving:
        return override.model
    shown = override.model[:_SHOWN_CHARACTERS]
    usable = ", ".join(serving)
    message = f"The model {shown!r} cannot serve this call. Ask for one of these: {usable}."
    return Unroutable(OVERRIDE, message)


_WORDS: Final = {
    _NOT_OFFERED: "not for this call",
    _LACKS_CAPABILITY: "cannot do what the body asks for",
    _WINDOW_TOO_SMALL: "its context window is too small",
    _BELOW_FLOOR: "below the floor of the use case",
    _TOO_DEAR: "dearer than the policy allows",
}


def _unroutable(virtual: VirtualModel, judged: Sequence[Judged]) -> Unroutable:
    said = "; ".join(f"{one.name}: {_WORDS.get(one.verdict, one.verdict)}" for one in judged)
    message = f"No model of {virtual.name!r} can serve this call ({said})."
    return Unroutable("model", message, tuple(judged))
