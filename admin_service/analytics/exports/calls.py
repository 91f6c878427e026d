"""The columns of the export `calls`: one row for each call."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from admin_service.analytics.call_records import TOKEN_COLUMNS
from admin_service.analytics.exports.call_rows import CallRow
from admin_service.analytics.exports.cells import amount, flag, local_time, utc_time
from admin_service.analytics.exports.csv_stream import Cell, Column

_tokens: Final = itemgetter(*TOKEN_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Field(Column[CallRow]):
    """A column that is a field of the record as it is."""

    field: str = ""


def _field(name: str, meaning: str, field: str | None = None, *, is_text: bool = False) -> Column[CallRow]:
    source = field or name

    def cell(row: CallRow) -> Cell:
        return row.record[source]  # type: ignore[no-any-return]

    return _Field(name, meaning, cell, is_text, source)


def _text(name: str, meaning: str) -> Column[CallRow]:
    """Returns a column of what providers report."""
    return _field(name, meaning, is_text=True)


def _tokens_of(name: str) -> Column[CallRow]:
    return _field(name, f"{name.removesuffix('_tokens').replace('_', ' ')} tokens")


def _credits(field: str) -> Callable[[CallRow], Cell]:
    def cell(row: CallRow) -> Cell:
        value = row.record[field]
        return None if value is None else amount(value)

    return cell


CALL_COLUMNS: Final[tuple[Column[CallRow], ...]] = (
    _field("sequence", "number of the record in the organization's ledger; rows are in this order"),
    _field("call_id", "id of the call", "hold_id"),
    Column(
        "time",
        "when the call began, in the organization's time zone",
        lambda row: local_time(row.record["place_time"], row.zone),
    ),
    Column("time_utc", "the same moment in UTC", lambda row: utc_time(row.record["place_time"])),
    Column(
        "settle_time_utc",
        "when the charge was recorded first, in UTC",
        lambda row: utc_time(row.record["settle_time"]),
    ),
    _field("status", "`SETTLED`; `VOIDED`: failed, free; `EXPIRED`: no report, charged by policy", "outcome"),
    _field("usage_source", "where token counts come from: `provider`, `estimated` or `none`", "source"),
    Column("group_id", "the group that the member was directly in", lambda row: row.group_id),
    Column(
        "group_path_ids",
        "that group and all above it, from the top, separated by `/`",
        lambda row: "/".join(row.record["group_path"]),
    ),
    Column(
        "group_path",
        "the names of these groups at that moment, separated by ` / `",
        lambda row: row.group_path_names,
        is_text=True,
    ),
    _field("member_id", "member or service account"),
    Column("member_name", "its name at that moment", lambda row: row.member_name, is_text=True),
    _field("api_key_id", "the API key of the call"),
    Column("api_key_name", "its name at that moment", lambda row: row.api_key_name, is_text=True),
    _field("provider_id", "the provider that answered"),
    _field("model", "the model that was asked for", "requested_model"),
    _text("answered_model", "the model that the provider names in its answer"),
    _field("endpoint", "the operation, such as `chat_completions`"),
    Column("streamed", "`true` if the answer was streamed", lambda row: flag(value=row.record["streamed"])),
    _text("service_tier", "the tier that the provider reports"),
    _text("speed", "the speed that the provider reports"),
    _text("place", "the place of processing that the provider reports"),
    *(_tokens_of(name) for name in TOKEN_COLUMNS),
    Column("total_tokens", "the sum of all tokens", lambda row: sum(_tokens(row.record))),
    _field("tags", "the tags of the call, as JSON; empty without any"),
    _field("uses", "uses of hosted tools that cost a fee, as JSON"),
    Column("charge_credits", "what the call costs, after a correction", _credits("charge_nano_credits")),
    Column(
        "baseline_credits",
        "what it would have cost without routing; the charge while no call is routed",
        _credits("charge_nano_credits"),
    ),
    Column(
        "correction_credits",
        "what a correction added to the charge; empty without one",
        _credits("correction_nano_credits"),
    ),
    _field("correction_sequence", "number of the correction in the ledger; empty without one"),
    _field("price_version", "version of the model's prices"),
    _field("http_status", "status of the answer; 0 without one"),
    _field("duration_ms", "milliseconds to the end of the answer"),
    _field("time_to_first_byte_ms", "milliseconds to its first byte"),
    _field("request_id", "the request id that the gateway gave the call"),
    _field("trace_id", "the trace of the call"),
    _text("provider_response_id", "the provider's id of the answer"),
    Column(
        "own_key",
        "`true` if the call carried the organization's own key at the provider",
        lambda row: flag(value=bool(row.record["own_key"])),
    ),
)
"""Every field of a call, as it stands at the position of the export."""

_PLACES: Final = range(len(CALL_COLUMNS))
_fields: Final = itemgetter(*(column.field for column in CALL_COLUMNS if isinstance(column, _Field)))
_MADE: Final = [column.value for column in CALL_COLUMNS if not isinstance(column, _Field)]
_ORDER: Final = sorted(_PLACES, key=lambda place: not isinstance(CALL_COLUMNS[place], _Field))
_in_order: Final = itemgetter(*map(_ORDER.index, _PLACES))


def call_cells(row: CallRow) -> list[Cell]:
    """Returns the cells of a call. Most are fields of the record, and are read at once, because that is faster."""
    return list(_in_order((*_fields(row.record), *[make(row) for make in _MADE])))
