"""Resolved calls, and the rows that they become."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.holds import Hold, HoldState
from gateway_core.model.catalog.pricing import ChargeLine
from gateway_core.model.record_decorator import record
from usage_service.provider_reports.attempts import FailedAttempt
from usage_service.provider_reports.findings import reported_text
from usage_service.routed_calls.comparison import UNKNOWN, Compared
from usage_service.routed_calls.rows import Row, routed_row
from usage_service.routed_calls.signals import signals_of
from usage_service.settlement.charge_decision import CallReport, Resolution, UsageSource
from usage_service.stored_objects.handed_out import Answer, may_hand_out, rows_of

_REMEMBERED_TAGS: Final = 4_096
Kind = tuple[bool, ...]
"""Whether a record has what few calls have, whether it has tags, whether its model has several deployments, and whether it
carried an own key."""


@record(frozen=True, slots=True)
class Settlement:
    """A call and the decision about it."""

    hold: Hold
    report: CallReport
    resolution: Resolution
    compared_nano_credits: Compared = UNKNOWN
    """Of a call to a virtual model: what both models cost."""
    deployment: str | None = None
    """Which deployment answered, of a model that has several."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """The deployments that were tried before."""

    @property
    def counters(self) -> tuple[str, ...]:
        """The encoded counters of the hold."""
        return self.hold.claims.encoded_counters

    @property
    def throttles(self) -> tuple[str, ...]:
        """The encoded throttles of the hold."""
        return self.hold.claims.encoded_throttles

    @property
    def used_tokens(self) -> int:
        """The input and output tokens that the call used; 0 if it failed."""
        return self.resolution.usage.total_input + self.resolution.usage.total_output

    @property
    def shadow_refusals(self) -> frozenset[str]:
        """The encoded counters of the guardrails in shadow mode that would have refused the call for any reason."""
        scopes = self.report.shadow_rate_limited
        if not self.hold.shadow_refusals and not scopes:
            return frozenset()
        counters = self.hold.claims.counters
        refusing = scopes | {counters[index].scope for index in self.hold.shadow_refusals}
        named = zip(self.counters, counters, strict=True)
        return frozenset(name for name, counter in named if counter.scope in refusing)


@dataclass(frozen=True, slots=True)
class ExpiredCharge:
    """The charge of a hold that expired without a report, and its number in the ledger."""

    sequence: int
    charge_nano_credits: int


@record(frozen=True, slots=True)
class RecordedSettlement:
    """A settlement with its number in the ledger."""

    sequence: int
    settlement: Settlement
    corrects: ExpiredCharge | None = None
    """What the expiry of the hold had charged; None unless this corrects an expiry."""
    later_counters: tuple[str, ...] = ()
    """Encoded counters that the hold was not placed on, because their scopes changed their cycle during the call,
    or because what was left of its period has been carried on."""

    @property
    def counters(self) -> tuple[str, ...]:
        """Every encoded counter that the settlement is charged to, those of the hold first."""
        counters = self.settlement.counters
        return (*counters, *self.later_counters) if self.later_counters else counters

    @property
    def routed_row(self) -> Row:
        """The choice about a call to a virtual model, as a row."""
        settlement = self.settlement
        signals = signals_of(settlement.report.facts, settlement.resolution.detail)
        return routed_row(
            settlement.hold, self.sequence, settlement.compared_nano_credits, settlement.report.request_id, signals
        )

    @property
    def delta_nano_credits(self) -> int:
        """By how much it changes the charged amount."""
        before = self.corrects.charge_nano_credits if self.corrects else 0
        return self.settlement.resolution.charge_nano_credits - before


_OK: Final = 200


def hold_row(settlement: Settlement) -> Row:
    """Returns the hold's resolved row in the holds table, without its token: the columns of `HOLD_COLUMNS`."""
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
    """Returns the hold's row in `usage_records` without what few calls have: the columns of `RECORD_COLUMNS`."""
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
    """Returns an expired hold's row in `usage_corrections`: the columns of `CORRECTION_COLUMNS`."""
    return (*_facts_row(entry), entry.delta_nano_credits, *rare_row(entry))


def rare_row(entry: RecordedSettlement) -> Row:
    """Returns what few calls have: the columns of `RARE_COLUMNS`."""
    usage, service = entry.settlement.resolution.usage, entry.settlement.resolution.service
    return (
        usage.input_audio,
        usage.input_image,
        usage.cache_read_audio,
        usage.output_audio,
        usage.output_image,
        json.dumps(dict(usage.uses)) if usage.uses else "{}",
        service.speed,
        service.place,
    )


def uncommon_row(entry: RecordedSettlement) -> Row:
    """Returns what few calls have: the columns of `RARE_COLUMNS`; nothing if this one does not."""
    rare = rare_row(entry)
    return () if rare == RARE_DEFAULTS else rare


def tag_row(entry: RecordedSettlement) -> Row:
    """Returns the tags of a call that has some: the columns of `TAG_COLUMNS`; nothing if it has none."""
    tags = entry.settlement.hold.tags
    return (_tags_json(tags),) if tags else ()


def deployment_row(entry: RecordedSettlement) -> Row:
    """Returns what only calls to models with several deployments have: the columns of `DEPLOYMENT_COLUMNS`."""
    settlement = entry.settlement
    return (
        (settlement.deployment, " ".join(map(str, settlement.failed_attempts)) or None) if settlement.deployment else ()
    )


def own_key_row(entry: RecordedSettlement) -> Row:
    """Returns what only calls with an organization's own key have: the column of `OWN_KEY_COLUMNS`."""
    return (1,) if entry.settlement.hold.claims.own_key else ()


def optional_row(entry: RecordedSettlement) -> tuple[Kind, Row]:
    """Returns which optional columns a record has, and their values."""
    rare, tags, deployment = uncommon_row(entry), tag_row(entry), deployment_row(entry)
    own_key = own_key_row(entry)
    return (rare != (), tags != (), deployment != (), own_key != ()), (*rare, *tags, *deployment, *own_key)


def optional_columns() -> Iterable[tuple[Kind, tuple[str, ...]]]:
    """Returns the optional columns of each kind of record."""
    for kind in product((False, True), repeat=4):
        groups = zip(kind, (RARE_COLUMNS, TAG_COLUMNS, DEPLOYMENT_COLUMNS, OWN_KEY_COLUMNS), strict=True)
        yield kind, tuple(column for is_there, columns in groups if is_there for column in columns)


@lru_cache(maxsize=_REMEMBERED_TAGS)
def _tags_json(tags: Tags) -> str:
    return json.dumps(dict(tags), ensure_ascii=False)


def finding_row(settlement: Settlement) -> Row:
    """Returns what should be looked at: the columns of `FINDING_COLUMNS`.

    Raises:
        ValueError: the report of the call is in order.
    """
    hold, resolution, finding = settlement.hold, settlement.resolution, settlement.resolution.finding
    if finding is None:
        raise ValueError("the call has no finding")
    return (
        hold.hold_id,
        hold.claims.organization,
        " ".join(hold.claims.group_path),
        hold.claims.member,
        hold.claims.api_key,
        hold.claims.provider,
        hold.claims.requested_model,
        settlement.report.answered_model,
        " ".join(finding.kinds),
        finding.reason,
        reported_text(settlement.report.facts),
        resolution.source,
        resolution.charge_nano_credits,
        hold.placed_epoch_us,
    )


def stored_rows(settlement: Settlement, life_ms: int) -> Iterable[Row]:
    """Returns the rows of what the answer handed out: the columns of `handed_out.COLUMNS`."""
    hold, facts, resolution = settlement.hold, settlement.report.facts, settlement.resolution
    if not may_hand_out(hold.claims.endpoint, facts) or settlement.report.http_status != _OK:
        return ()
    if resolution.outcome is not HoldState.SETTLED:
        return ()
    counted = resolution.usage if resolution.source is UsageSource.PROVIDER else None
    return rows_of(Answer(hold.claims, facts, counted), hold.placed_epoch_us + life_ms * 1_000)


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
RARE_COLUMNS: Final = (
    *("input_audio_tokens:bigint", "input_image_tokens:bigint", "cache_read_audio_tokens:bigint"),
    *("output_audio_tokens:bigint", "output_image_tokens:bigint", "uses:jsonb", "speed", "place"),
)
RARE_DEFAULTS: Final[Row] = (0, 0, 0, 0, 0, "{}", None, None)
"""The values of `RARE_COLUMNS` that PostgreSQL fills in by itself. Most calls have no others."""
TAG_COLUMNS: Final = ("tags:jsonb",)
"""Of records. A correction has the tags of its record."""
DEPLOYMENT_COLUMNS: Final = ("deployment", "failed_attempts:texts")
"""Of records. A correction has those of its record."""
OWN_KEY_COLUMNS: Final = ("own_key:boolean",)
"""Of records. A correction has that of its record."""
CORRECTION_COLUMNS: Final = (*FACT_COLUMNS, "delta_nano_credits:bigint", *RARE_COLUMNS)
FINDING_COLUMNS: Final = (
    *("hold_id", "organization_id", "group_path:texts", "member_id", "api_key_id", "provider_id", "requested_model"),
    *(
        "answered_model",
        "kinds:texts",
        "reason",
        "report",
        "source",
        "charge_nano_credits:bigint",
        "place_time:instant",
    ),
)
HOLD_COLUMNS: Final = (
    *("hold_id", "organization_id", "member_id", "api_key_id", "amount_nano_credits:bigint", "token", "counters:texts"),
    *("place_time:instant", "expire_time:instant", "placement:bigint", "state"),
)
"""Columns in the order of the rows, with their types unless they are text."""


def _facts_row(entry: RecordedSettlement) -> Row:
    """Returns the values that a record and a correction have in common: the columns of `FACT_COLUMNS`."""
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
        resolution.service.tier,
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
    """Returns the lines as JSON. The categories are fixed names that need no escaping."""
    written = [f'["{one.category}",{one.count},{one.price_nano_credits},{one.amount_nano_credits}]' for one in lines]
    return f"[{','.join(written)}]"
