"""Resolved calls, and the rows they become."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from gateway_core.domain.holds import Hold
from gateway_core.domain.pricing import ChargeLine
from gateway_core.domain.settlement import CallReport, Resolution, storable_text

MAX_QUARANTINED_CHARACTERS: Final = 65_536

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_FACT_CHARACTERS: Final = 4_000
_USAGE_FACTS: Final = ("usage", "start_usage", "response_usage")
"""How the names of the facts begin that tell usage, in every dialect."""


@dataclass(frozen=True)
class Settlement:
    """A call and what was decided about it."""

    hold: Hold
    report: CallReport
    resolution: Resolution

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """The hold's counters, encoded."""
        return tuple(counter.encode() for counter in self.hold.counters)

    @cached_property
    def throttles(self) -> tuple[str, ...]:
        """The hold's throttles, encoded."""
        return tuple(throttle.encode() for throttle in self.hold.throttles)

    @property
    def used_tokens(self) -> int:
        """What the call used, of both sides; nothing when it failed."""
        return self.resolution.usage.total_input + self.resolution.usage.total_output

    @property
    def shadow_refusals(self) -> frozenset[str]:
        """Counters, encoded, of the guardrails in shadow mode that would have refused the call for whatever reason."""
        scopes = self.report.shadow_rate_limited
        if not self.hold.shadow_refusals and not scopes:
            return frozenset()
        return frozenset(
            name
            for index, (name, counter) in enumerate(zip(self.counters, self.hold.counters, strict=True))
            if index in self.hold.shadow_refusals or counter.scope in scopes
        )


@dataclass(frozen=True, slots=True)
class ExpiredCharge:
    """The charge of a hold that expired without a report, and its number in the ledger."""

    sequence: int
    charge_nano_credits: int


@dataclass(frozen=True, slots=True)
class RecordedSettlement:
    """A settlement that is on the books."""

    sequence: int
    settlement: Settlement
    corrects: ExpiredCharge | None = None
    """What the hold's expiry had charged; None for the one resolution of a hold."""
    later_counters: tuple[str, ...] = ()
    """Counters, encoded, that the hold was not placed on, because their scopes got another cycle while the call was under way."""

    @property
    def counters(self) -> tuple[str, ...]:
        """Every counter, encoded, that the settlement is charged to; those of the hold first."""
        return (*self.settlement.counters, *self.later_counters)

    @property
    def delta_nano_credits(self) -> int:
        """By how much it moves the ledger."""
        before = self.corrects.charge_nano_credits if self.corrects else 0
        return self.settlement.resolution.charge_nano_credits - before


def hold_row(settlement: Settlement) -> dict[str, object]:
    """The hold in the register, resolved."""
    hold = settlement.hold
    return {
        "hold_id": hold.hold_id,
        "organization_id": hold.organization,
        "member_id": hold.member,
        "api_key_id": hold.api_key,
        "amount_nano_credits": hold.amount_nano_credits,
        "token": settlement.report.token,
        "counters": settlement.counters,
        "place_time": _instant(hold.placed_epoch_us),
        "expire_time": _instant(hold.expires_epoch_us),
        "placement": hold.placement,
        "state": settlement.resolution.outcome,
    }


def record_row(entry: RecordedSettlement) -> dict[str, object]:
    """The one row of a hold in `usage_records`."""
    hold = entry.settlement.hold
    return _facts_row(entry) | {
        "group_path": hold.group_path,
        "member_id": hold.member,
        "api_key_id": hold.api_key,
        "endpoint": hold.endpoint,
        "streamed": hold.streams,
        "requested_model": hold.requested_model,
        "provider_id": hold.provider,
        "price_version": hold.price_version,
        "hold_nano_credits": hold.amount_nano_credits,
        "counters": entry.settlement.counters,
        "later_counters": entry.later_counters or None,
        "throttles": entry.settlement.throttles or None,
    }


def correction_row(entry: RecordedSettlement) -> dict[str, object]:
    """The one row of an expired hold in `usage_corrections`."""
    return _facts_row(entry) | {
        "delta_nano_credits": entry.delta_nano_credits,
        "later_counters": entry.later_counters or None,
    }


def quarantine_row(settlement: Settlement) -> dict[str, object]:
    """What was reported about usage and could not be believed, without the token and without what else the answer held."""
    report = settlement.report
    usage = {
        key: storable_text(value, _MAX_FACT_CHARACTERS) if isinstance(value, str) else value
        for key, value in report.facts.items()
        if key.startswith(_USAGE_FACTS)
    }
    said = {"usage": usage, "http_status": report.http_status, "response_bytes": report.response_bytes}
    return {
        "hold_id": settlement.hold.hold_id,
        "organization_id": settlement.hold.organization,
        "reason": settlement.resolution.detail,
        "report": storable_text(json.dumps(said), MAX_QUARANTINED_CHARACTERS),
    }


def _facts_row(entry: RecordedSettlement) -> dict[str, object]:
    """What a report and the decision on it give to a record and to a correction alike."""
    hold, report, resolution = entry.settlement.hold, entry.settlement.report, entry.settlement.resolution
    usage = resolution.usage
    return {
        "hold_id": hold.hold_id,
        "organization_id": hold.organization,
        "sequence": entry.sequence,
        "outcome": resolution.outcome,
        "source": resolution.source,
        "detail": resolution.detail,
        "answered_model": report.answered_model,
        "provider_response_id": report.provider_response_id,
        "service_tier": report.service_tier,
        "input_tokens": usage.input,
        "cache_read_tokens": usage.cache_read,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.output_reasoning,
        "charge_nano_credits": resolution.charge_nano_credits,
        "charge_lines": [_line(line) for line in resolution.lines],
        "http_status": report.http_status,
        "response_flags": ",".join(sorted(report.flags)) or "-",
        "duration_ms": report.duration_ms,
        "time_to_first_byte_ms": report.time_to_first_byte_ms,
        "request_id": report.request_id,
        "trace_id": report.trace_id,
        "place_time": _instant(hold.placed_epoch_us),
    }


def _line(line: ChargeLine) -> tuple[str, int, int, int]:
    return (line.category, line.token_count, line.price_nano_credits_per_million_tokens, line.amount_nano_credits)


def instant(epoch_us: int) -> datetime:
    """Exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=epoch_us)


def _instant(epoch_us: int) -> str:
    """ISO 8601."""
    return instant(epoch_us).isoformat()
