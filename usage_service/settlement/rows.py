"""Resolved calls, and the rows they become."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from gateway_core.model.calls.holds import Hold
from gateway_core.model.catalog.pricing import ChargeLine
from gateway_core.model.records import record
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.settlement.decision import CallReport, Resolution

MAX_QUARANTINED_CHARACTERS: Final = 65_536

_MAX_FACT_CHARACTERS: Final = 4_000
_USAGE_FACTS: Final = ("usage", "start_usage", "response_usage")
"""How the names of the facts begin that tell usage, in every dialect."""


@record(frozen=True)
class Settlement:
    """A call and what was decided about it."""

    hold: Hold
    report: CallReport
    resolution: Resolution

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """The hold's counters, encoded."""
        return tuple(counter.encode() for counter in self.hold.claims.counters)

    @cached_property
    def throttles(self) -> tuple[str, ...]:
        """The hold's throttles, encoded."""
        return tuple(throttle.encode() for throttle in self.hold.claims.throttles)

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
            for index, (name, counter) in enumerate(zip(self.counters, self.hold.claims.counters, strict=True))
            if index in self.hold.shadow_refusals or counter.scope in scopes
        )


@dataclass(frozen=True, slots=True)
class ExpiredCharge:
    """The charge of a hold that expired without a report, and its number in the ledger."""

    sequence: int
    charge_nano_credits: int


@record(frozen=True, slots=True)
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


Row = tuple[str | int | None, ...]
"""Values as `packed` takes them: texts separated by blanks where a column is an array, instants in microseconds since the epoch."""


def hold_row(settlement: Settlement) -> Row:
    """The hold in the register, resolved, and so without its token: the columns of `HOLD_COLUMNS`."""
    hold = settlement.hold
    return (
        hold.hold_id,
        hold.claims.organization,
        hold.claims.member,
        hold.claims.api_key,
        hold.amount_nano_credits,
        "",
        " ".join(settlement.counters),
        hold.placed_epoch_us,
        hold.expires_epoch_us,
        hold.placement,
        settlement.resolution.outcome,
    )


def record_row(entry: RecordedSettlement) -> Row:
    """The one row of a hold in `usage_records`: the columns of `FACT_COLUMNS` and `RECORD_COLUMNS`."""
    settlement = entry.settlement
    hold = settlement.hold
    return (
        *_facts_row(entry),
        " ".join(hold.claims.group_path),
        hold.claims.member,
        hold.claims.api_key,
        hold.claims.endpoint,
        int(hold.claims.streams),
        hold.claims.requested_model,
        hold.claims.provider,
        hold.claims.price_version,
        hold.amount_nano_credits,
        " ".join(settlement.counters),
        " ".join(settlement.throttles) or None,
    )


def correction_row(entry: RecordedSettlement) -> Row:
    """The one row of an expired hold in `usage_corrections`: the columns of `FACT_COLUMNS`, and the difference."""
    return (*_facts_row(entry), entry.delta_nano_credits)


def quarantine_row(settlement: Settlement) -> Row:
    """What was reported about usage and could not be believed, without the token and without what else the answer held."""
    report = settlement.report
    usage = {
        key: storable_text(value, _MAX_FACT_CHARACTERS) if isinstance(value, str) else value
        for key, value in report.facts.items()
        if key.startswith(_USAGE_FACTS)
    }
    said = {"usage": usage, "http_status": report.http_status, "response_bytes": report.response_bytes}
    return (
        settlement.hold.hold_id,
        settlement.hold.claims.organization,
        settlement.resolution.detail,
        storable_text(json.dumps(said), MAX_QUARANTINED_CHARACTERS),
    )


FACT_COLUMNS: Final = (
    *("hold_id", "organization_id", "sequence:bigint", "outcome", "source", "detail", "answered_model"),
    *("provider_response_id", "service_tier", "input_tokens:bigint", "cache_read_tokens:bigint"),
    *(
        "cache_write_5m_tokens:bigint",
        "cache_write_1h_tokens:bigint",
        "output_tokens:bigint",
        "reasoning_tokens:bigint",
    ),
    *(
        "charge_nano_credits:bigint",
        "charge_lines:jsonb",
        "http_status:integer",
        "response_flags",
        "duration_ms:bigint",
    ),
    *("time_to_first_byte_ms:bigint", "request_id", "trace_id", "place_time:instant", "later_counters:texts"),
)
RECORD_COLUMNS: Final = (
    *FACT_COLUMNS,
    *("group_path:texts", "member_id", "api_key_id", "endpoint", "streamed:boolean", "requested_model", "provider_id"),
    *("price_version:integer", "hold_nano_credits:bigint", "counters:texts", "throttles:texts"),
)
CORRECTION_COLUMNS: Final = (*FACT_COLUMNS, "delta_nano_credits:bigint")
HOLD_COLUMNS: Final = (
    *("hold_id", "organization_id", "member_id", "api_key_id", "amount_nano_credits:bigint", "token", "counters:texts"),
    *("place_time:instant", "expire_time:instant", "placement:bigint", "state"),
)
"""Columns in the order of the rows, with their types where they are not texts."""


def _facts_row(entry: RecordedSettlement) -> Row:
    """What a report and the decision on it give to a record and to a correction alike: the columns of `FACT_COLUMNS`."""
    hold, report, resolution = entry.settlement.hold, entry.settlement.report, entry.settlement.resolution
    usage = resolution.usage
    return (
        hold.hold_id,
        hold.claims.organization,
        entry.sequence,
        resolution.outcome,
        resolution.source,
        resolution.detail,
        report.answered_model,
        report.provider_response_id,
        report.service_tier,
        usage.input,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
        usage.output_reasoning,
        resolution.charge_nano_credits,
        _lines(resolution.lines),
        report.http_status,
        ",".join(sorted(report.flags)) or "-",
        report.duration_ms,
        report.time_to_first_byte_ms,
        report.request_id,
        report.trace_id,
        hold.placed_epoch_us,
        " ".join(entry.later_counters) or None,
    )


def _lines(lines: Iterable[ChargeLine]) -> str:
    """As JSON. Categories are ours and need no escaping."""
    written = [
        f'["{one.category}",{one.token_count},{one.price_nano_credits_per_million_tokens},{one.amount_nano_credits}]'
        for one in lines
    ]
    return f"[{','.join(written)}]"
