"""How a call is recorded: one pure decision from the hold, Envoy's report, and the prices named in the hold.

The rules: what the provider counted is charged in full, even if its report contradicts itself or looks implausible; it
is then flagged. What was not counted is estimated: the input as the hold did, the output from the text that was
delivered. A call that the provider itself failed costs nothing. A call that never reached a provider is voided. A call
without a report expires by its organization's policy.
"""

import enum
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.calls.holds import Hold, HoldState
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.pricing import ChargeLine, charge_lines, total_nano_credits
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import TokenUsage, with_count
from gateway_core.model.catalog.units import AUDIO_SECOND, CHARACTER, unit_of
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.provider_reports.findings import Finding, FindingKind, finding_of
from usage_service.provider_reports.report import Report, read_report
from usage_service.settlement.report_pricing import Terms, at_most, input_category, most_seconds, price_of, sent

EXPIRED_HOLD: Final = "expired_hold"
"""Category of the line that charges the whole hold of a call without a report."""


_NOTHING: Final = TokenUsage()


class UsageSource(enum.StrEnum):
    """Where the token counts of a record come from."""

    PROVIDER = "provider"
    ESTIMATED = "estimated"
    """At least a part was not counted by the provider."""
    NONE = "none"


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
    finding: Finding | None = None
    """What should be looked at; None if the report is in order."""
    charge_nano_credits: int = field(init=False)
    """The price of the call: the sum of the lines, computed once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "charge_nano_credits", total_nano_credits(self.lines))


_NEVER_SENT: Final = frozenset({"UF", "UH", "UO", "NR", "NC", "DF"})
_CLIENT_GONE: Final = frozenset({"DC", "DR"})
_TIMEOUTS: Final = frozenset({"UT", "SI", "UMSDR", "DT"})
_RESETS: Final = frozenset({"UC", "UR", "LR", "UPE"})
_CUT: Final = _CLIENT_GONE | _TIMEOUTS | _RESETS

_FIRST_ERROR_STATUS: Final = 400
_BYTES_PER_TOKEN: Final = 4
_FROM_PROVIDER: Final = ("via_upstream", "upstream_reset_after_response_started", "downstream_")
"""How the details begin if the status is the provider's and not Envoy's own."""


def resolve(terms: Terms, report: CallReport) -> Resolution:
    """Decides how a hold is resolved.

    Args:
        terms: the verified hold and the prices of its call.
        report: Envoy's report of the call.
    """
    return _Case(terms, report, read_report(terms.hold.claims.endpoint, report.facts)).resolve()


def expire(hold: Hold, policy: ExpiredHoldPolicy, schedule: PriceSchedule) -> Resolution:
    """Decides what an expired hold costs: an estimate, flagged as unconfirmed.

    Args:
        hold: the verified hold.
        policy: the policy of its organization.
        schedule: the prices of the version named in the hold.
    """
    match policy:
        case ExpiredHoldPolicy.CHARGE_HOLD:
            usage = replace(sent(hold, schedule), output=hold.output_tokens)
            lines: tuple[ChargeLine, ...] = (ChargeLine(EXPIRED_HOLD, 0, 0, hold.amount_nano_credits),)
        case ExpiredHoldPolicy.CHARGE_INPUT:
            usage = sent(hold, schedule)
            lines = at_most(hold, charge_lines(usage, schedule))
        case _:
            usage, lines = _NOTHING, ()
    return Resolution(HoldState.EXPIRED, UsageSource.ESTIMATED, SettlementDetail.UNCONFIRMED, usage, lines)


@record(frozen=True, slots=True)
class _Case:
    terms: Terms
    report: CallReport
    read: Report

    def resolve(self) -> Resolution:
        if self.terms.hold.claims.endpoint.is_free:
            return self._resolve_free()
        if unit := self._unit():
            return self._resolve_by_unit(unit)
        reading = self.read.reading
        if reading.is_empty or (_is_cut(self.report) and not self._counts_anything()):
            return self._resolve_without_usage()
        if reading.input_counted and reading.output_counted:
            return self._charge(_COUNTED, _ending(self.report) or _COMPLETED, reading.usage)
        # A part was counted. The rest is estimated from the delivered text.
        return self._charge(UsageSource.ESTIMATED, _ending(self.report) or _OMITTED, self._completed())

    def _unit(self) -> str | None:
        """Returns the unit in which the call is counted; None if it costs tokens."""
        return unit_of(self.terms.schedule, self.terms.hold.claims.endpoint)

    def _resolve_by_unit(self, unit: str) -> Resolution:
        """Resolves a call that costs seconds, characters or searches, which the provider or else the hold counted."""
        count = self.read.audio_seconds if unit == AUDIO_SECOND else dict(self.read.reading.usage.uses).get(unit)
        if not count:
            return self._resolve_without_usage()
        return self._charge(_COUNTED, _ending(self.report) or _COMPLETED, TokenUsage(uses=((unit, count),)))

    def _resolve_free(self) -> Resolution:
        """Resolves a call that costs nothing, whatever its answer says."""
        if reason := _reason_not_called(self.report):
            return Resolution(HoldState.VOIDED, UsageSource.NONE, reason)
        return _free(_ending(self.report) or SettlementDetail.COMPLETED)

    def _counts_anything(self) -> bool:
        usage = self.read.reading.usage
        return bool(usage.total_input or usage.total_output or self.read.reading.total)

    def _completed(self) -> TokenUsage:
        """Returns what was counted, and an estimate of the rest."""
        reading, hold = self.read.reading, self.terms.hold
        usage, delivered = reading.usage, self._delivered()
        if not reading.input_counted and not reading.output_counted and reading.total:
            output = min(delivered, reading.total)
            return replace(usage, input=reading.total - output, output=output)
        if not reading.output_counted and delivered > usage.total_output:
            usage = replace(usage, output=usage.output + delivered - usage.total_output)
        if reading.input_counted:
            return usage
        return with_count(usage, input_category(hold.claims.endpoint), hold.input_tokens)

    def _charge(self, source: UsageSource, detail: SettlementDetail, usage: TokenUsage) -> Resolution:
        """Charges usage in full."""
        reading, read = self.read.reading, self.read
        price = price_of(
            self.terms, usage, read.service, self.report.answered_model, reading.other_models, reading.flags
        )
        kinds = price.kinds
        if source is _COUNTED and not self._is_plausible(usage):
            kinds[FindingKind.IMPLAUSIBLE_SIZE] = ()
        finding = finding_of(kinds) if kinds else None
        if finding and detail in _REGULAR_ENDINGS:
            detail = _detail_of(finding, detail)
        return Resolution(_SETTLED, source, detail, price.usage, price.lines, read.service, finding)

    def _is_plausible(self, usage: TokenUsage) -> bool:
        """Returns whether one answer of the model can have used this. The bound is generous, and only flags.

        Server-side tools, batches of prompts and some betas exceed it rightly.
        """
        hold, model = self.terms.hold, self.terms.model
        if self.read.audio_seconds and self.read.audio_seconds > most_seconds(self.report.request_bytes):
            return False
        if usage.total_input <= model.context_window_tokens and usage.total_output <= model.max_output_tokens:
            return True  # the common case
        input_limit = max(model.context_window_tokens + model.max_output_tokens, hold.input_tokens)
        if not hold.claims.endpoint.has_output_tokens:
            # An organization may expect one token in four bytes, but each byte may be one.
            input_limit = max(input_limit, self.report.request_bytes, hold.input_tokens * _BYTES_PER_TOKEN)
        return usage.total_input <= input_limit and usage.total_output <= self._longest_output()

    def _longest_output(self) -> int:
        """Returns how many tokens the provider delivers at most, for as many choices as the hold can cover."""
        hold, model = self.terms.hold, self.terms.model
        choices = -(-hold.output_tokens // max(model.default_output_reserve_tokens, 1))
        return max(hold.output_tokens, model.max_output_tokens * max(choices, 1))

    def _delivered(self) -> int:
        """Estimates the output from the delivered text, or from the size of an answer whose text was not counted."""
        tokens = self.read.delivered_tokens
        if tokens is None:
            tokens = -(-self.report.response_bytes // _BYTES_PER_TOKEN)
        return min(tokens, self._longest_estimate())

    def _longest_estimate(self) -> int:
        """Returns how many tokens an estimate has at most.

        A hold reserves the caller's own limit, beyond which the provider delivers nothing. Without a limit it reserves
        multiples of the model's default, and the answer may be as long as the model's longest.
        """
        hold, model = self.terms.hold, self.terms.model
        reserve = model.default_output_reserve_tokens
        is_limited = not reserve or hold.output_tokens % reserve != 0
        return hold.output_tokens if is_limited else self._longest_output()

    def _resolve_without_usage(self) -> Resolution:
        report = self.report
        if reason := _reason_not_called(report):
            return Resolution(HoldState.VOIDED, UsageSource.NONE, reason)
        ending = _ending(report)
        if report.http_status == 0 or report.http_status >= _FIRST_ERROR_STATUS:
            return self._resolve_failure(ending)
        if self._is_failed_answer():
            return _free(SettlementDetail.PROVIDER_ERROR)
        usual = SettlementDetail.COMPLETED if self._unit() == CHARACTER else SettlementDetail.USAGE_OMITTED
        return self._charge(UsageSource.ESTIMATED, ending or usual, self._estimated())

    def _estimated(self) -> TokenUsage:
        """Returns what a call used whose provider counted nothing: the input of its hold, and what was delivered."""
        hold = self.terms.hold
        usage = sent(hold, self.terms.schedule)
        if self._unit():
            return usage
        usage = replace(usage, uses=self.read.reading.usage.uses)
        # The size of pictures and sound in bytes says nothing.
        if hold.claims.endpoint.makes_images:
            return replace(usage, output_image=hold.output_tokens)
        if hold.claims.endpoint is Endpoint.SPEECH:
            return replace(usage, output_audio=hold.output_tokens)
        return replace(usage, output=self._delivered())

    def _is_failed_answer(self) -> bool:
        """Returns whether a successful status came with no answer: another body than a model's, or an error without text."""
        if self.report.facts.get(UsageFact.FOREIGN_BODY) is True or self._is_empty_answer():
            return True
        # Vectors and pictures are no text, so that nothing is found in an answer of them without a name and usage.
        if self.report.facts == _NOTHING_FOUND and self.terms.hold.claims.endpoint.writes_text:
            return _ending(self.report) is None
        return _reports_error(self.report) and not self.read.delivered_tokens

    def _is_empty_answer(self) -> bool:
        """Returns whether an answer ended regularly without a single byte."""
        return self.report.response_bytes == 0 and _ending(self.report) is None

    def _resolve_failure(self, ending: SettlementDetail | None) -> Resolution:
        """Resolves a call that reached a provider but returned an error or nothing to the caller."""
        if UsageFact.REFUSED_ANSWER in self.report.facts:
            return _free(SettlementDetail.PROVIDER_ERROR)
        if self.report.http_status and self.report.details.startswith(_FROM_PROVIDER):
            return _free(SettlementDetail.PROVIDER_ERROR)
        if ending in {SettlementDetail.PROVIDER_TIMEOUT, SettlementDetail.PROVIDER_RESET}:
            return _free(ending)
        # The caller left, or the gateway itself failed. The provider may still have processed the call.
        gone = ending is SettlementDetail.CLIENT_DISCONNECTED
        detail = SettlementDetail.CLIENT_DISCONNECTED if gone else SettlementDetail.GATEWAY_ERROR
        return self._charge(UsageSource.ESTIMATED, detail, sent(self.terms.hold, self.terms.schedule))


_NOTHING_FOUND: Final = {UsageFact.DELIVERED_BYTES: 0}
"""The facts about an answer that was read and has neither text nor usage, a name, an id or an error."""

# Python 3.11 finds members of enumerations slowly, so these are looked up once.
_COUNTED, _SETTLED = UsageSource.PROVIDER, HoldState.SETTLED
_COMPLETED, _OMITTED = SettlementDetail.COMPLETED, SettlementDetail.USAGE_OMITTED
_REGULAR_ENDINGS: Final = frozenset({_COMPLETED, _OMITTED})
_ERRORS: Final = frozenset({UsageFact.ERROR, UsageFact.RESPONSE_ERROR})
_WITHOUT_ERROR: Final = frozenset(fact for fact in UsageFact if fact.partition(".")[0] not in _ERRORS)
_INVALID: Final = frozenset(
    {FindingKind.CONTRADICTORY_COUNTS, FindingKind.UNREADABLE_COUNT, FindingKind.UNREADABLE_REPORT}
)


def _detail_of(finding: Finding, detail: SettlementDetail) -> SettlementDetail:
    """Returns the detail of a call that ended regularly, but whose report is not right."""
    if not _INVALID.isdisjoint(finding.kinds):
        return SettlementDetail.INVALID_USAGE
    return SettlementDetail.IMPLAUSIBLE_USAGE if FindingKind.IMPLAUSIBLE_SIZE in finding.kinds else detail


def _reason_not_called(report: CallReport) -> SettlementDetail | None:
    """Returns why no provider received the call; None if one may have."""
    if report.flags & _NEVER_SENT:
        return SettlementDetail.PROVIDER_UNAVAILABLE
    if report.upstream_host is not None:
        return None
    if "RL" in report.flags:
        return SettlementDetail.RATE_LIMITED
    gone = report.flags & _CLIENT_GONE
    return SettlementDetail.CLIENT_DISCONNECTED if gone else SettlementDetail.REFUSED_BY_GATEWAY


def _is_cut(report: CallReport) -> bool:
    """Returns whether the answer ended early, so that counts of zero say nothing."""
    return bool(report.flags) and not report.flags.isdisjoint(_CUT)


def _ending(report: CallReport) -> SettlementDetail | None:
    """Returns what ended the call early; None if it ended regularly."""
    if _is_cut(report):
        if report.flags & _CLIENT_GONE:
            return SettlementDetail.CLIENT_DISCONNECTED
        return SettlementDetail.PROVIDER_TIMEOUT if report.flags & _TIMEOUTS else SettlementDetail.PROVIDER_RESET
    if report.http_status >= _FIRST_ERROR_STATUS or _reports_error(report):
        return SettlementDetail.PROVIDER_ERROR
    return None


def _reports_error(report: CallReport) -> bool:
    """Returns whether the body contained an error. A JSON response reports its leaves under dotted paths."""
    return not _WITHOUT_ERROR.issuperset(report.facts) and any(key.partition(".")[0] in _ERRORS for key in report.facts)


def _free(detail: SettlementDetail) -> Resolution:
    """Resolves a call that reached a provider but costs nothing."""
    return Resolution(HoldState.SETTLED, UsageSource.NONE, detail)
