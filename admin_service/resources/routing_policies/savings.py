"""Serves `RoutingPolicies.QueryRoutingSavings` and `QueryRoutingOutcomes`: what routing saved in a period, and how answers were."""

import datetime as dt
from collections.abc import Callable

import asyncpg
from megarouter.admin.v1 import routing_policy_pb2
from megarouter.admin.v1.routing_policy_pb2 import (
    HoldoutEstimate,
    OutcomePair,
    QualityMeasure,
    QueryRoutingOutcomesResponse,
    QueryRoutingSavingsResponse,
    RoutingSavings,
)

from admin_service.access.authorization import Caller
from admin_service.analytics.savings.comparison import estimate, output_ratio
from admin_service.analytics.savings.outcomes import Outcome, Pair, read_outcomes
from admin_service.analytics.savings.reading import Compared, Savings, Sums, read_savings
from admin_service.resources.analytics.questions import period_of, reach_of
from gateway_core.model.routing.quality import difference
from gateway_core.stores.postgres.organization_wall import acting_for

_WHOLE = 10_000
"""In hundredths of a percent."""


class SavingsReader:
    """Adds up savings. `now` returns the current time."""

    def __init__(self, pool: asyncpg.Pool, now: Callable[[], dt.datetime]) -> None:
        self._pool = pool
        self._now = now

    async def query(
        self, request: routing_policy_pb2.QueryRoutingSavingsRequest, caller: Caller
    ) -> QueryRoutingSavingsResponse:
        """QueryRoutingSavings adds up what routing saved, for the calls that the caller may see."""
        actor = caller.actor
        start, end = period_of(request.time_range, self._now())
        async with acting_for(self._pool, actor.organization, isolation="repeatable_read") as connection:
            return savings_message(await read_savings(connection, actor.organization, start, end, reach_of(actor)))

    async def outcomes(
        self, request: routing_policy_pb2.QueryRoutingOutcomesRequest, caller: Caller
    ) -> QueryRoutingOutcomesResponse:
        """QueryRoutingOutcomes pairs conversations that were routed with some that were held out."""
        actor = caller.actor
        start, end = period_of(request.time_range, self._now())
        async with acting_for(self._pool, actor.organization, isolation="repeatable_read") as connection:
            pairs = await read_outcomes(
                connection, actor.organization, start, end, reach_of(actor), by_rating=request.by_rating
            )
        return QueryRoutingOutcomesResponse(pairs=map(_pair, pairs))


def _pair(pair: Pair) -> OutcomePair:
    return OutcomePair(
        pair_id=pair.pair_id,
        use_case=pair.use_case,
        routed_model=pair.routed_model,
        baseline_model=pair.baseline_model,
        routed=_outcome(pair.routed),
        held_out=_outcome(pair.held_out),
    )


def _outcome(outcome: Outcome) -> OutcomePair.Outcome:
    return OutcomePair.Outcome(
        good=outcome.is_good, input_token_count=outcome.input_tokens, output_token_count=outcome.output_tokens
    )


def savings_message(found: Savings) -> QueryRoutingSavingsResponse:
    """Returns savings as callers see them."""
    return QueryRoutingSavingsResponse(
        overall=_sums(found.simple + found.complex),
        simple=_sums(found.simple),
        complex=_sums(found.complex),
        shadow=_sums(found.shadow),
        holdout=_holdout(found),
        quality=[_measure(name, compared) for name, compared in found.quality.items()],
    )


def _sums(sums: Sums) -> RoutingSavings:
    return RoutingSavings(
        call_count=sums.calls,
        unknown_call_count=sums.unknown,
        baseline_nano_credits=sums.baseline,
        saved_nano_credits=sums.saved,
    )


def _holdout(found: Savings) -> HoldoutEstimate:
    routed, held_out = found.routed_sessions, found.held_out_sessions
    message = HoldoutEstimate(routed_session_count=routed.count, held_out_session_count=held_out.count)
    if compared := estimate(routed, held_out):
        message.saved_basis_points = _points(compared.saved)
        message.saved_basis_points_low = _points(compared.low)
        message.saved_basis_points_high = _points(compared.high)
    if (ratio := output_ratio(routed, held_out)) is not None:
        message.output_basis_points = _points(ratio)
    return message


def _measure(name: str, compared: Compared) -> QualityMeasure:
    routed, held_out = compared.routed, compared.held_out
    message = QualityMeasure(
        name=name,
        routed_session_count=routed.count,
        routed_bad_session_count=routed.bad,
        held_out_session_count=held_out.count,
        held_out_bad_session_count=held_out.bad,
    )
    if found := difference(routed, held_out):
        message.difference_basis_points = _points(found.value)
        message.difference_basis_points_low = _points(found.low)
        message.difference_basis_points_high = _points(found.high)
    return message


def _points(share: float) -> int:
    """Returns a share in hundredths of a percent, within what the field can hold."""
    return round(max(-100_000.0, min(100_000.0, share)) * _WHOLE)
