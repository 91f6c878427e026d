"""What speaks for and against each candidate of a virtual model, in one call.

What does not depend on the size of the call is found out once for all calls with one use case and the same needs (`plan_of`).
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway_core.model.capabilities import Capability, is_below
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import Prices, PriceSchedule
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.conversations import NO_CONVERSATION, Before, Conversation
from gateway_core.model.routing.needs import Body, text_tokens
from gateway_core.model.routing.override_header import Override
from gateway_core.model.routing.policies import AppliedPolicy
from gateway_core.model.routing.virtual_models import NO_SCORES, ScoredLoss, Scores, VirtualModel

USUAL_OUTPUT_TOKENS: Final = 500
"""What an answer is expected to have, for comparing costs. A lower limit in the body replaces it."""


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
    UNHEALTHY = "unhealthy"
    """It could serve the call, but fails at present, and another one does not."""


# Python 3.11 finds members of enumerations slowly, so they are looked up once and compared by identity.
FITS: Final = Verdict.FITS
NOT_OFFERED: Final = Verdict.NOT_OFFERED
_LACKS_CAPABILITY: Final = Verdict.LACKS_CAPABILITY
_WINDOW_TOO_SMALL: Final = Verdict.WINDOW_TOO_SMALL
_BELOW_FLOOR: Final = Verdict.BELOW_FLOOR
_TOO_DEAR: Final = Verdict.TOO_DEAR
_LOSS_UNKNOWN: Final = Verdict.LOSS_UNKNOWN
_LOSS_TOO_HIGH: Final = Verdict.LOSS_TOO_HIGH
_SCORE_TOO_HIGH: Final = Verdict.SCORE_TOO_HIGH
UNHEALTHY: Final = Verdict.UNHEALTHY

CAN_SERVE: Final = (FITS, _LOSS_UNKNOWN, _LOSS_TOO_HIGH, _SCORE_TOO_HIGH)
"""The verdicts of models that may and can serve the call, though some of them may be worse than allowed."""
WORDS: Final = {
    NOT_OFFERED: "not for this call",
    _LACKS_CAPABILITY: "cannot do what the body asks for",
    _WINDOW_TOO_SMALL: "its context window is too small",
    _BELOW_FLOOR: "below the floor of the use case",
    _TOO_DEAR: "dearer than the policy allows",
}
"""What callers read about a model that cannot serve their call."""


@record(frozen=True, slots=True)
class Candidate:
    """A model that may serve, and what the catalog and the guardrails say about it for calls like this one."""

    name: str
    model: Model | None = None
    schedule: PriceSchedule | None = None
    """Both are None if it may not serve the call."""
    places: tuple[str, ...] = ()
    """The deployments that the caller may use, by their place; only its own if it has no several ones."""


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
    unhealthy: frozenset[str] = frozenset()
    """The candidates that fail at present."""


@record(frozen=True, slots=True)
class Judged:
    """A candidate with its verdict."""

    name: str
    verdict: Verdict
    cost_nano_credits: int | None = None
    """What the call is expected to cost with it; None if it cannot serve."""
    loss_basis_points: int | None = None
    """Its measured loss for the use case, in hundredths of a percent; None if there is none."""


@record(frozen=True, slots=True, eq=False)
class _Rates:
    """Prices of tokens, of which the costs of a choice consist."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    usual_output_nano_credits: int
    """What an answer of the usual length costs."""


@record(frozen=True, slots=True, eq=False)
class Costs:
    """What a model costs and how much it takes."""

    name: str
    upstream_name: str
    window_tokens: int
    most_output_tokens: int
    usual_output_tokens: int
    rates: _Rates
    long_above_tokens: int | None
    """From more input tokens on, other rates apply; None if the model has only one price."""
    long_rates: _Rates


@record(frozen=True, slots=True, eq=False)
class Contender:
    """A candidate that may and can serve calls of the plan, if it is not too small or too dear."""

    costs: Costs
    is_baseline: bool
    verdict: Verdict
    loss_basis_points: int | None
    scored: tuple[ScoredLoss, ...]
    """What its loss is where the score is low, if that can make it good enough."""


@record(frozen=True, slots=True, eq=False)
class Plan:
    """What is the same for all calls with one use case and the same needs."""

    virtual: VirtualModel
    policy: AppliedPolicy
    candidates: Sequence[Candidate]
    contenders: tuple[Contender | Judged, ...]
    """Each candidate. One that is judged already can serve none of the calls."""
    baseline: int | None
    """Which of them is the baseline; None if it is no candidate."""
    is_returned: bool
    """Whether the baseline serves these calls, because others turned out to be worse than allowed."""
    dearest: tuple[Costs | None, ...]
    """The models of which none may be dearer; None for one without a price."""


_NO_LOSSES: Final[Mapping[str, int]] = {}
_NO_SCORED: Final[Mapping[str, tuple[ScoredLoss, ...]]] = {}


def plan_of(
    virtual: VirtualModel,
    policy: AppliedPolicy,
    candidates: Sequence[Candidate],
    use_case: str,
    needs: frozenset[Capability],
    dearest: Sequence[Candidate] = (),
) -> Plan:
    """Returns what is the same for all calls with this use case and these needs.

    Args:
        virtual: the model that the caller named.
        policy: what applies to the call.
        candidates: all of the virtual model, in its order.
        use_case: what the calls are for.
        needs: what their bodies need.
        dearest: the models of `policy.max_price_models`.
    """
    return Plan(
        virtual=virtual,
        policy=policy,
        candidates=candidates,
        contenders=tuple(_contender(one, virtual, policy, use_case, needs) for one in candidates),
        baseline=next((index for index, one in enumerate(candidates) if one.name == virtual.baseline), None),
        is_returned=use_case in virtual.returned,
        dearest=tuple(
            _costs_of(one.name, one.model, one.schedule) if one.model and one.schedule else None for one in dearest
        ),
    )


def _contender(
    candidate: Candidate, virtual: VirtualModel, policy: AppliedPolicy, use_case: str, needs: frozenset[Capability]
) -> Contender | Judged:
    name, model = candidate.name, candidate.model
    if model is None or candidate.schedule is None:
        return Judged(name, NOT_OFFERED)
    if not needs <= model.capabilities:
        return Judged(name, _LACKS_CAPABILITY)
    costs = _costs_of(name, model, candidate.schedule)
    if name == virtual.baseline:
        return Contender(costs, is_baseline=True, verdict=FITS, loss_basis_points=0, scored=())
    loss = virtual.losses.get(use_case, _NO_LOSSES).get(name)
    scored = virtual.scored_losses.get(use_case, _NO_SCORED).get(name, ())
    floor = policy.floors.get(use_case)
    verdict = _LOSS_TOO_HIGH
    if floor is not None and is_below(model.tier, floor):
        verdict, loss, scored = _BELOW_FLOOR, None, ()
    elif loss is not None and loss <= policy.max_loss_basis_points:
        verdict, scored = FITS, ()
    elif any(one.loss_basis_points <= policy.max_loss_basis_points for one in scored):
        verdict = _SCORE_TOO_HIGH
    elif loss is None and not scored:
        verdict = _LOSS_UNKNOWN
    if verdict is not _SCORE_TOO_HIGH:
        scored = ()
    scored = tuple(one for one in scored if one.loss_basis_points <= policy.max_loss_basis_points)
    return Contender(costs, is_baseline=False, verdict=verdict, loss_basis_points=loss, scored=scored)


def _costs_of(name: str, model: Model, schedule: PriceSchedule) -> Costs:
    usual_output_tokens = min(USUAL_OUTPUT_TOKENS, model.max_output_tokens)
    rates = _rates_of(schedule.prices, usual_output_tokens)
    long = schedule.long_context
    return Costs(
        name=name,
        upstream_name=model.upstream_name,
        window_tokens=model.context_window_tokens,
        most_output_tokens=model.max_output_tokens,
        usual_output_tokens=usual_output_tokens,
        rates=rates,
        long_above_tokens=long.above_input_tokens if long else None,
        long_rates=_rates_of(long.prices_nano_credits_per_million_tokens, usual_output_tokens) if long else rates,
    )


def _rates_of(prices: Prices, usual_output_tokens: int) -> _Rates:
    by_category = prices.by_category
    return _Rates(
        input=prices.input,
        cache_read=by_category["cache_read"],
        cache_write=by_category["cache_write_5m"],
        output=prices.output,
        usual_output_nano_credits=charge_nano_credits(usual_output_tokens, prices.output),
    )


def judge(plan: Plan, asked: Asked) -> tuple[Judged, ...]:
    """Returns each candidate of the virtual model with its verdict, in their order."""
    body = asked.body
    # Only media count differently for each model.
    of_text = None if body.size is not None and body.size.has_media else text_tokens(body.body_bytes, body.size)
    most_nano_credits = None
    if plan.dearest:
        most_nano_credits = min([_cost_of(one, asked, of_text) for one in plan.dearest])
    return tuple(
        [one if isinstance(one, Judged) else _judge(one, asked, of_text, most_nano_credits) for one in plan.contenders]
    )


def without_unhealthy(judged: tuple[Judged, ...], unhealthy: frozenset[str]) -> tuple[Judged, ...]:
    """Returns the candidates, in which those that fail at present cannot serve. If all fail, nothing changes: one may work."""
    serving = [one.name for one in judged if one.verdict in CAN_SERVE]
    if unhealthy.isdisjoint(serving) or unhealthy.issuperset(serving):
        return judged
    return tuple(
        replace(one, verdict=UNHEALTHY) if one.verdict in CAN_SERVE and one.name in unhealthy else one for one in judged
    )


def _judge(
    contender: Contender, asked: Asked, of_text: tuple[int, int] | None, most_nano_credits: int | None
) -> Judged:
    costs = contender.costs
    usual_tokens, most_tokens = of_text or asked.body.input_tokens(costs.upstream_name)
    # A call fits for certain if each byte of its text is a token. The baseline is what callers would get without routing, so for
    # it the usual size decides.
    needed_tokens = usual_tokens if contender.is_baseline else most_tokens
    if asked.output_limit:
        needed_tokens += min(asked.output_limit, costs.most_output_tokens)
    if needed_tokens > costs.window_tokens:
        return Judged(costs.name, _WINDOW_TOO_SMALL)
    cost = _cost(costs, asked, usual_tokens)
    if most_nano_credits is not None and cost > most_nano_credits:
        return Judged(costs.name, _TOO_DEAR, cost)
    covered = (
        [one.loss_basis_points for one in contender.scored if one.covers(asked.scores)] if contender.scored else ()
    )
    if covered:
        return Judged(costs.name, FITS, cost, min(covered))
    return Judged(costs.name, contender.verdict, cost, contender.loss_basis_points)


def _cost(costs: Costs, asked: Asked, input_tokens: int) -> int:
    """Returns what the call is expected to cost in nano-credits. What the model has cached costs less, and filling a cache more."""
    rates = costs.rates
    if costs.long_above_tokens is not None and input_tokens > costs.long_above_tokens:
        rates = costs.long_rates
    cost, limit = rates.usual_output_nano_credits, asked.output_limit
    if limit and limit < costs.usual_output_tokens:
        cost = charge_nano_credits(limit, rates.output)
    before = asked.before
    if before is not None and before.warm_tokens and before.model == costs.name:
        warm_tokens = min(before.warm_tokens, input_tokens)
        cost += charge_nano_credits(warm_tokens, rates.cache_read)
        input_tokens -= warm_tokens
    return cost + charge_nano_credits(input_tokens, rates.cache_write if asked.marks_cache else rates.input)


def _cost_of(costs: Costs | None, asked: Asked, of_text: tuple[int, int] | None) -> int:
    """Returns what the call would cost with a model of the policy. Nothing is as cheap as one without a price."""
    if costs is None:
        return 0
    return _cost(costs, asked, (of_text or asked.body.input_tokens(costs.upstream_name))[0])
