"""What a finished call says about its deployment: a pure function of Envoy's report."""

from collections.abc import Iterator
from typing import Final

from gateway_core.contract.refused_answers import ACCOUNT_REFUSALS, RefusedAnswer
from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.catalog.entries import Deployment
from gateway_core.model.deployments.health import Observation, Outcome, caller_of
from gateway_core.model.limits.model_whitelists import qualified_name
from usage_service.settlement.charge_decision import CallReport
from usage_service.settlement.rows import Settlement

_BROKEN: Final = frozenset({"UF", "UH", "UC", "UR", "LR", "UPE", "UT", "SI"})
"""Envoy could not connect, the provider closed the connection, or it took too long."""
_GATEWAY_ONLY: Final = frozenset({"UO", "NR", "NC", "DF", "RL"})
_CLIENT_GONE: Final = frozenset({"DC", "DR"})
_REFUSALS: Final = {str(reason): reason for reason in RefusedAnswer}
_FIRST_SERVER_ERROR: Final = 500
_REQUEST_TIMEOUT: Final = 408
_TOO_MANY: Final = "429"
_US_PER_MS: Final = 1_000
_MS_PER_S: Final = 1_000
_LONGEST_RETRY_AFTER_S: Final = 86_400


def observation_of(settlement: Settlement, deployment: Deployment | None = None) -> Observation | None:
    """Returns what a call says about the place that answered it; None if it says nothing.

    Args:
        settlement: the call.
        deployment: what the catalog says of the place; None if it is the only one of its model.
    """
    report, hold = settlement.report, settlement.hold
    # Whatever an organization's own key leads to, deployments stay open to others.
    outcome = None if hold.claims.own_key else _outcome_of(report, deployment)
    if outcome is None:
        return None
    return Observation(
        place=qualified_name(hold.claims.served_model, hold.claims.provider),
        outcome=outcome,
        placed_ms=hold.placed_epoch_us // _US_PER_MS,
        caller=_caller_of(settlement),
        retry_after_ms=_retry_after_ms(report),
    )


def failures_of(settlement: Settlement) -> Iterator[Observation]:
    """Returns what a call says about the deployments at which it was tried before."""
    for attempt in settlement.failed_attempts:
        if attempt.own_key:
            continue
        outcome = Outcome.LIMITED if attempt.happened == _TOO_MANY else Outcome.FAILED
        wait_s = min(attempt.retry_after_s or 0, _LONGEST_RETRY_AFTER_S)
        yield Observation(
            place=attempt.place,
            outcome=Outcome.REFUSED if attempt.refusal else outcome,
            placed_ms=settlement.hold.placed_epoch_us // _US_PER_MS,
            caller=_caller_of(settlement),
            retry_after_ms=wait_s * _MS_PER_S,
        )


def _caller_of(settlement: Settlement) -> str:
    claims = settlement.hold.claims
    return caller_of(claims.organization, claims.api_key)


def _outcome_of(report: CallReport, deployment: Deployment | None) -> Outcome | None:
    if report.flags & _BROKEN:
        return Outcome.FAILED
    if report.upstream_host is None or report.flags & _GATEWAY_ONLY:
        return None
    reason = _REFUSALS.get(str(report.facts.get(UsageFact.REFUSED_ANSWER)))
    if reason is not None:
        if reason is RefusedAnswer.RATE_LIMIT:
            return Outcome.LIMITED
        return Outcome.REFUSED if reason in ACCOUNT_REFUSALS else Outcome.FAILED
    if report.flags & _CLIENT_GONE and report.time_to_first_byte_ms is None:
        return None
    if report.http_status >= _FIRST_SERVER_ERROR or report.http_status == _REQUEST_TIMEOUT:
        return Outcome.FAILED
    return Outcome.FAILED if _is_late(report, deployment) else Outcome.SERVED


def _is_late(report: CallReport, deployment: Deployment | None) -> bool:
    limit_ms = deployment.first_byte_timeout_ms if deployment else None
    taken_ms = report.time_to_first_byte_ms
    return limit_ms is not None and taken_ms is not None and taken_ms > limit_ms


def _retry_after_ms(report: CallReport) -> int:
    seconds = report.facts.get(UsageFact.RETRY_AFTER)
    if type(seconds) is not int or not 0 <= seconds <= _LONGEST_RETRY_AFTER_S:
        return 0
    return seconds * _MS_PER_S
