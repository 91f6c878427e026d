"""How a call ends on the books: one pure decision from the hold, what Envoy reported, and the prices named in the hold.

The rule behind every case: what the provider counted is charged in full; what nobody counted but a provider may have worked on
is charged by an estimate, at most the hold and never silently zero; a call that the provider itself failed costs nothing; a
call that never reached a provider is voided.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from gateway_core.domain.catalog import Model, PriceSchedule
from gateway_core.domain.dialects import Endpoint
from gateway_core.domain.holds import Hold, HoldState
from gateway_core.domain.pricing import ChargeLine, charge_lines, total_nano_credits
from gateway_core.domain.usage import InvalidUsageError, TokenUsage, UsageSource, estimated_usage, usage_of_report

HOLD_CEILING: Final = "hold_ceiling"
"""Category of the line that lowers an estimated charge to the amount of its hold."""


class SettlementDetail(enum.StrEnum):
    """Why a record is as it is; stable, for people and for analytics."""

    COMPLETED = "completed"
    CLIENT_DISCONNECTED = "client_disconnected"
    USAGE_OMITTED = "usage_omitted"
    INVALID_USAGE = "invalid_usage"
    IMPLAUSIBLE_USAGE = "implausible_usage"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_RESET = "provider_reset"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    RATE_LIMITED = "rate_limited"
    REFUSED_BY_GATEWAY = "refused_by_gateway"
    GATEWAY_ERROR = "gateway_error"


@dataclass(frozen=True, slots=True)
class CallReport:
    """What Envoy says about a finished call, the same from both of its logs. Nothing in it but the token is proof of anything."""

    token: str = field(repr=False)
    """The signed hold."""
    facts: Mapping[str, object]
    """What was extracted from the response (`usage_of_report`), and `model`, `response_id`, `service_tier`, `error`."""
    http_status: int
    """The status the caller saw; 0 when no response began."""
    flags: frozenset[str]
    """Envoy's response flags in their short form, such as `DC`."""
    details: str
    """Envoy's response code details, such as `via_upstream`."""
    upstream_host: str | None
    """Address of the provider; None when no host was chosen."""
    attempts: int
    request_bytes: int
    response_bytes: int
    duration_ms: int | None
    time_to_first_byte_ms: int | None
    request_id: str
    trace_id: str | None
    traceparent: str | None
    """W3C trace context; only for a sampled call."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The one outcome of a hold. The charge is the sum of the lines."""

    outcome: HoldState
    source: UsageSource
    detail: SettlementDetail
    usage: TokenUsage = TokenUsage()
    lines: tuple[ChargeLine, ...] = ()

    @property
    def charge_nano_credits(self) -> int:
        """What the call costs."""
        return total_nano_credits(self.lines)


_NEVER_SENT: Final = frozenset({"UF", "UH", "UO", "NR", "NC", "DF"})
_CLIENT_GONE: Final = frozenset({"DC", "DR"})
_TIMEOUTS: Final = frozenset({"UT", "SI", "UMSDR", "DT"})
_RESETS: Final = frozenset({"UC", "UR", "LR", "UPE"})

_FROM_PROVIDER: Final = ("via_upstream", "upstream_reset_after_response_started", "downstream_")
"""How details begin when the status is the provider's and not Envoy's own."""


def resolve(hold: Hold, report: CallReport, model: Model, schedule: PriceSchedule) -> Resolution:
    """Decides how a hold is resolved.

    Args:
        hold: the verified hold.
        report: what Envoy reported about its call.
        model: the model called, for what usage is plausible.
        schedule: the prices of the version named in the hold.
    """
    try:
        usage = usage_of_report(hold.endpoint, report.facts)
    except InvalidUsageError:
        return _estimate(hold, report, schedule, SettlementDetail.INVALID_USAGE)
    if usage is None:
        return _resolve_without_usage(hold, report, schedule)
    if not is_plausible(usage, hold, report, model):
        return _estimate(hold, report, schedule, SettlementDetail.IMPLAUSIBLE_USAGE)
    detail = _ending(report) or SettlementDetail.COMPLETED
    return Resolution(HoldState.SETTLED, UsageSource.PROVIDER, detail, usage, charge_lines(usage, schedule))


def is_plausible(usage: TokenUsage, hold: Hold, report: CallReport, model: Model) -> bool:
    """Whether the model can have consumed this. The bound is generous: it is there for reports that are wrong by magnitudes.

    Input: the context window and as much again as the longest answer; embeddings take many inputs in one call, each at least a
    byte of the body. Output: the model's longest answer for as many choices as the hold can stand for.
    """
    input_limit = model.context_window_tokens + model.max_output_tokens
    if hold.endpoint is Endpoint.EMBEDDINGS:
        input_limit = max(input_limit, report.request_bytes)
    choices = -(-hold.output_tokens // max(model.default_output_reserve_tokens, 1))
    output_limit = max(hold.output_tokens, model.max_output_tokens * max(choices, 1))
    return usage.total_input <= input_limit and usage.total_output <= output_limit


def _resolve_without_usage(hold: Hold, report: CallReport, schedule: PriceSchedule) -> Resolution:
    if reason := _reason_not_called(report):
        return Resolution(HoldState.VOIDED, UsageSource.NONE, reason)
    ending = _ending(report)
    if report.http_status == 0:
        # The caller left before the first byte (or Envoy gave up without an answer): the provider may have worked.
        return _unanswered(hold, report, schedule, ending)
    if report.http_status >= 400:  # noqa: PLR2004  # HTTP: errors from here on
        return _failed(hold, report, schedule, ending)
    if _reports_error(report) and not _answer_began(hold, report):
        return _free(SettlementDetail.PROVIDER_ERROR)
    return _estimate(hold, report, schedule, ending or SettlementDetail.USAGE_OMITTED)


def _reason_not_called(report: CallReport) -> SettlementDetail | None:
    """Why no provider saw the call; None when one may have."""
    if report.flags & _NEVER_SENT:
        return SettlementDetail.PROVIDER_UNAVAILABLE
    if report.upstream_host is not None:
        return None
    if "RL" in report.flags:
        return SettlementDetail.RATE_LIMITED
    if report.flags & _CLIENT_GONE:
        return SettlementDetail.CLIENT_DISCONNECTED
    return SettlementDetail.REFUSED_BY_GATEWAY


def _unanswered(hold: Hold, report: CallReport, schedule: PriceSchedule, ending: SettlementDetail | None) -> Resolution:
    if ending in {SettlementDetail.PROVIDER_TIMEOUT, SettlementDetail.PROVIDER_RESET}:
        return _free(ending)
    return _estimate(hold, replace(report, response_bytes=0), schedule, ending or SettlementDetail.GATEWAY_ERROR)


def _failed(hold: Hold, report: CallReport, schedule: PriceSchedule, ending: SettlementDetail | None) -> Resolution:
    """An error status: the provider's own, or Envoy's after the provider gave no answer."""
    if report.details.startswith(_FROM_PROVIDER):
        return _free(SettlementDetail.PROVIDER_ERROR)
    if ending in {SettlementDetail.PROVIDER_TIMEOUT, SettlementDetail.PROVIDER_RESET}:
        return _free(ending)
    # The gateway itself failed after the provider was called: its work is not free because of that.
    return _estimate(hold, replace(report, response_bytes=0), schedule, SettlementDetail.GATEWAY_ERROR)


def _ending(report: CallReport) -> SettlementDetail | None:
    """What ended the call before its regular end; None for nothing."""
    if report.flags & _CLIENT_GONE:
        return SettlementDetail.CLIENT_DISCONNECTED
    if report.flags & _TIMEOUTS:
        return SettlementDetail.PROVIDER_TIMEOUT
    if report.flags & _RESETS:
        return SettlementDetail.PROVIDER_RESET
    if report.http_status >= 400 or _reports_error(report):  # noqa: PLR2004
        return SettlementDetail.PROVIDER_ERROR
    return None


def _reports_error(report: CallReport) -> bool:
    """Whether the body held an error; from a JSON answer its leaves stand under dotted paths."""
    return any(key.partition(".")[0] in {"error", "response_error"} for key in report.facts)


def _answer_began(hold: Hold, report: CallReport) -> bool:
    """Whether a stream delivered part of an answer before its error. The failed terminal event of Responses says itself that
    nothing is owed: there the provider reports usage, or null.
    """
    if not hold.streams or hold.endpoint is Endpoint.RESPONSES:
        return False
    return not report.facts.keys().isdisjoint({"start_usage", "response_id", "model"})


def _free(detail: SettlementDetail) -> Resolution:
    """A provider was called and owes nothing for it."""
    return Resolution(HoldState.SETTLED, UsageSource.NONE, detail)


def _estimate(hold: Hold, report: CallReport, schedule: PriceSchedule, detail: SettlementDetail) -> Resolution:
    """Charges what was probably consumed, at most the hold."""
    usage = estimated_usage(hold.input_tokens, report.response_bytes, hold.output_tokens)
    if known_input := _reported_input(hold, report):
        usage = replace(known_input, output=usage.output, output_reasoning=0)
    lines = charge_lines(usage, schedule)
    excess = total_nano_credits(lines) - hold.amount_nano_credits
    if excess > 0:
        lines = (*lines, ChargeLine(HOLD_CEILING, 0, 0, -excess))
    return Resolution(HoldState.SETTLED, UsageSource.ESTIMATED, detail, usage, lines)


def _reported_input(hold: Hold, report: CallReport) -> TokenUsage | None:
    """The exact input side, which Anthropic's `message_start` tells before anything else."""
    if hold.endpoint is not Endpoint.MESSAGES or "start_usage" not in report.facts:
        return None
    try:
        return usage_of_report(hold.endpoint, {"usage": report.facts["start_usage"]})
    except InvalidUsageError:
        return None
