"""How a call is recorded: one pure decision from the hold, Envoy's report, and the prices named in the hold.

The rules: usage that the provider counted is charged in full. Without a count, a call that a provider may have
processed is charged by an estimate, at most the hold and never silently zero. A call that the provider itself failed
costs nothing. A call that never reached a provider is voided. A call without a report expires by its organization's
policy.
"""

import enum
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.calls.holds import Hold, HoldState
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.pricing import ChargeLine, charge_lines, total_nano_credits
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.settlement.provider_usage import InvalidUsageError, UsageSource, estimated_usage, usage_of_report

HOLD_CEILING: Final = "hold_ceiling"
"""Category of the line that lowers an estimated charge to the amount of its hold."""

EXPIRED_HOLD: Final = "expired_hold"
"""Category of the line that charges the whole hold of a call without a report."""


_NOTHING: Final = TokenUsage()


class SettlementDetail(enum.StrEnum):
    """Why a call was settled as it was. Stable, for people and analytics."""

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
    UNCONFIRMED = "unconfirmed"


QUARANTINED: Final = frozenset({SettlementDetail.INVALID_USAGE, SettlementDetail.IMPLAUSIBLE_USAGE})
"""Usage was reported but not plausible. It is stored separately, and the call is charged by an estimate."""


class ExpiredHoldPolicy(enum.StrEnum):
    """What an organization pays for a call that was not reported in time, until its actual usage is reported."""

    CHARGE_HOLD = "CHARGE_HOLD"
    CHARGE_INPUT = "CHARGE_INPUT"
    RELEASE = "RELEASE"


@record(frozen=True, slots=True)
class CallReport:
    """Envoy's report of a finished call, the same from both of its logs. Only the token in it proves anything."""

    token: str = field(repr=False)
    """The signed hold."""
    facts: Mapping[str, object]
    """What the module extracted from the response (`usage_of_report`), and `model`, `response_id`, `service_tier`, `error`."""
    http_status: int
    """The HTTP status that the caller received; 0 if no response began."""
    flags: frozenset[str]
    """Envoy's response flags in their short form, such as `DC`."""
    details: str
    """Envoy's response code details, such as `via_upstream`."""
    upstream_host: str | None
    """Address of the provider; None if Envoy chose no host."""
    attempts: int
    request_bytes: int
    response_bytes: int
    duration_ms: int | None
    time_to_first_byte_ms: int | None
    request_id: str
    trace_id: str | None
    traceparent: str | None
    """W3C trace context; only for a sampled call."""
    shadow_rate_limited: frozenset[Scope] = frozenset()
    """Scopes whose request limits, in shadow mode, would have refused the call."""
    organization: str | None = None
    """The organization that the log names, or None. Only the token proves it."""

    @property
    def answered_model(self) -> str | None:
        """The provider's name of the model that answered."""
        return self._text(UsageFact.MODEL)

    @property
    def provider_response_id(self) -> str | None:
        """The provider's id of the response."""
        return self._text(UsageFact.RESPONSE_ID)

    @property
    def service_tier(self) -> str | None:
        """The service tier that the provider used."""
        return self._text(UsageFact.SERVICE_TIER)

    def _text(self, key: str) -> str | None:
        """Returns a fact that should be a short text. It is untrusted, so it is truncated and made storable."""
        value = self.facts.get(key)
        return storable_text(value) if isinstance(value, str) and value else None


_BEGINNINGS: Final = frozenset({UsageFact.START_USAGE, UsageFact.RESPONSE_ID, UsageFact.MODEL})
"""Facts that are reported once an answer has begun."""


@record(frozen=True, slots=True)
class Resolution:
    """The one outcome of a hold."""

    outcome: HoldState
    source: UsageSource
    detail: SettlementDetail
    usage: TokenUsage = _NOTHING
    lines: tuple[ChargeLine, ...] = ()
    service: Service = STANDARD
    """The tier, speed and place that the provider reported. Their price is part of the prices in the lines."""
    charge_nano_credits: int = field(init=False)
    """The price of the call: the sum of the lines, computed once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "charge_nano_credits", total_nano_credits(self.lines))


_NEVER_SENT: Final = frozenset({"UF", "UH", "UO", "NR", "NC", "DF"})
_CLIENT_GONE: Final = frozenset({"DC", "DR"})
_TIMEOUTS: Final = frozenset({"UT", "SI", "UMSDR", "DT"})
_RESETS: Final = frozenset({"UC", "UR", "LR", "UPE"})

_FIRST_ERROR_STATUS: Final = 400
_FROM_PROVIDER: Final = ("via_upstream", "upstream_reset_after_response_started", "downstream_")
"""How the details begin if the status is the provider's and not Envoy's own."""


def resolve(hold: Hold, report: CallReport, model: Model, schedule: PriceSchedule) -> Resolution:
    """Decides how a hold is resolved.

    Args:
        hold: the verified hold.
        report: Envoy's report of its call.
        model: the model called, which limits what usage is plausible.
        schedule: the prices of the version named in the hold.
    """
    return _Case(hold, report, model, schedule).resolve()


def expire(hold: Hold, policy: ExpiredHoldPolicy, schedule: PriceSchedule) -> Resolution:
    """Decides what an expired hold costs: an estimate, flagged as unconfirmed.

    Args:
        hold: the verified hold.
        policy: the policy of its organization.
        schedule: the prices of the version named in the hold.
    """
    match policy:
        case ExpiredHoldPolicy.CHARGE_HOLD:
            usage = TokenUsage(input=hold.input_tokens, output=hold.output_tokens)
            lines: tuple[ChargeLine, ...] = (ChargeLine(EXPIRED_HOLD, 0, 0, hold.amount_nano_credits),)
        case ExpiredHoldPolicy.CHARGE_INPUT:
            usage = TokenUsage(input=hold.input_tokens)
            lines = _at_most(hold, charge_lines(usage, schedule))
        case _:
            usage, lines = _NOTHING, ()
    return Resolution(HoldState.EXPIRED, UsageSource.ESTIMATED, SettlementDetail.UNCONFIRMED, usage, lines)


@record(frozen=True, slots=True)
class _Case:
    hold: Hold
    report: CallReport
    model: Model
    schedule: PriceSchedule

    def resolve(self) -> Resolution:
        try:
            usage = usage_of_report(self.hold.claims.endpoint, self.report.facts)
        except InvalidUsageError:
            return self._estimate(SettlementDetail.INVALID_USAGE, self._guess())
        if usage is None:
            return self._resolve_without_usage()
        if not self._is_plausible(usage):
            return self._estimate(SettlementDetail.IMPLAUSIBLE_USAGE, self._guess())
        detail = _ending(self.report) or SettlementDetail.COMPLETED
        return Resolution(HoldState.SETTLED, UsageSource.PROVIDER, detail, usage, charge_lines(usage, self.schedule))

    def _is_plausible(self, usage: TokenUsage) -> bool:
        """Returns whether the model can have consumed this. The bound is generous, to catch only errors of magnitude.

        Input is bounded by the context window plus the longest answer. An embeddings call may carry many inputs, so its
        bound is also the size of the body, at a byte per token. Output is bounded by the longest answer, for as many
        choices as the hold can cover.
        """
        input_limit = self.model.context_window_tokens + self.model.max_output_tokens
        if self.hold.claims.endpoint is Endpoint.EMBEDDINGS:
            input_limit = max(input_limit, self.report.request_bytes)
        reserve = max(self.model.default_output_reserve_tokens, 1)
        choices = max(-(-self.hold.output_tokens // reserve), 1)
        output_limit = max(self.hold.output_tokens, self.model.max_output_tokens * choices)
        return usage.total_input <= input_limit and usage.total_output <= output_limit

    def _resolve_without_usage(self) -> Resolution:
        report = self.report
        if reason := _reason_not_called(report):
            return Resolution(HoldState.VOIDED, UsageSource.NONE, reason)
        ending = _ending(report)
        if report.http_status == 0 or report.http_status >= _FIRST_ERROR_STATUS:
            return self._resolve_failure(ending)
        if _reports_error(report) and not self._answer_began():
            return _free(SettlementDetail.PROVIDER_ERROR)
        return self._estimate(ending or SettlementDetail.USAGE_OMITTED, self._best_guess(report.response_bytes))

    def _resolve_failure(self, ending: SettlementDetail | None) -> Resolution:
        """Resolves a call that reached a provider but returned an error or nothing to the caller."""
        if self.report.http_status and self.report.details.startswith(_FROM_PROVIDER):
            return _free(SettlementDetail.PROVIDER_ERROR)
        if ending in {SettlementDetail.PROVIDER_TIMEOUT, SettlementDetail.PROVIDER_RESET}:
            return _free(ending)
        # The caller left, or the gateway itself failed. The provider may still have processed the call.
        gone = ending is SettlementDetail.CLIENT_DISCONNECTED
        detail = SettlementDetail.CLIENT_DISCONNECTED if gone else SettlementDetail.GATEWAY_ERROR
        return self._estimate(detail, self._best_guess(response_bytes=0))

    def _answer_began(self) -> bool:
        """Returns whether a stream delivered part of an answer before its error.

        Always False for Responses: their failed terminal event itself reports the usage, or null.
        """
        if not self.hold.claims.streams or self.hold.claims.endpoint is Endpoint.RESPONSES:
            return False
        return not self.report.facts.keys().isdisjoint(_BEGINNINGS)

    def _guess(self, response_bytes: int | None = None) -> TokenUsage:
        """Estimates what was probably consumed, from sizes alone."""
        answer_bytes = self.report.response_bytes if response_bytes is None else response_bytes
        return estimated_usage(self.hold.input_tokens, answer_bytes, self.hold.output_tokens)

    def _best_guess(self, response_bytes: int) -> TokenUsage:
        """Like `_guess`, but with the exact input if Anthropic's `message_start` reported it before the stream broke off."""
        guess = self._guess(response_bytes)
        if self.hold.claims.endpoint is not Endpoint.MESSAGES or UsageFact.START_USAGE not in self.report.facts:
            return guess
        try:
            start = usage_of_report(
                self.hold.claims.endpoint, {UsageFact.USAGE: self.report.facts[UsageFact.START_USAGE]}
            )
        except InvalidUsageError:
            return guess
        if start is None or not self._is_plausible(start):
            return guess
        return replace(start, output=guess.output, output_reasoning=0)

    def _estimate(self, detail: SettlementDetail, usage: TokenUsage) -> Resolution:
        """Charges an estimate, at most the hold, for usage that was not counted."""
        lines = _at_most(self.hold, charge_lines(usage, self.schedule))
        return Resolution(HoldState.SETTLED, UsageSource.ESTIMATED, detail, usage, lines)


def _at_most(hold: Hold, lines: tuple[ChargeLine, ...]) -> tuple[ChargeLine, ...]:
    """Returns the lines, lowered to the amount of the hold if they exceed it."""
    excess = total_nano_credits(lines) - hold.amount_nano_credits
    return (*lines, ChargeLine(HOLD_CEILING, 0, 0, -excess)) if excess > 0 else lines


def _reason_not_called(report: CallReport) -> SettlementDetail | None:
    """Returns why no provider received the call; None if one may have."""
    if report.flags & _NEVER_SENT:
        return SettlementDetail.PROVIDER_UNAVAILABLE
    if report.upstream_host is not None:
        return None
    if "RL" in report.flags:
        return SettlementDetail.RATE_LIMITED
    if report.flags & _CLIENT_GONE:
        return SettlementDetail.CLIENT_DISCONNECTED
    return SettlementDetail.REFUSED_BY_GATEWAY


def _ending(report: CallReport) -> SettlementDetail | None:
    """Returns what ended the call early; None if it ended regularly."""
    if report.flags & _CLIENT_GONE:
        return SettlementDetail.CLIENT_DISCONNECTED
    if report.flags & _TIMEOUTS:
        return SettlementDetail.PROVIDER_TIMEOUT
    if report.flags & _RESETS:
        return SettlementDetail.PROVIDER_RESET
    if report.http_status >= _FIRST_ERROR_STATUS or _reports_error(report):
        return SettlementDetail.PROVIDER_ERROR
    return None


def _reports_error(report: CallReport) -> bool:
    """Returns whether the body contained an error. A JSON response reports its leaves under dotted paths."""
    return any(key.partition(".")[0] in {UsageFact.ERROR, UsageFact.RESPONSE_ERROR} for key in report.facts)


def _free(detail: SettlementDetail) -> Resolution:
    """Resolves a call that reached a provider but costs nothing."""
    return Resolution(HoldState.SETTLED, UsageSource.NONE, detail)
