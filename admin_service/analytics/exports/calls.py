"""The columns of the export `calls`: one row for each call."""

from collections.abc import Callable
from typing import Final

from admin_service.analytics.exports.call_rows import CallRow
from admin_service.analytics.exports.cells import NO_VALUE, amount, flag, local_time, number, utc_time
from admin_service.analytics.exports.csv_stream import Column
from admin_service.analytics.exports.reading import TOKEN_COLUMNS


def _text(name: str, meaning: str, field: str | None = None) -> Column[CallRow]:
    """Returns a column of what providers report."""
    return Column(name, meaning, lambda row: row.record[field or name] or NO_VALUE, is_text=True)


def _id(name: str, meaning: str, field: str | None = None) -> Column[CallRow]:
    """Returns a column of ids and fixed words of the gateway, which are never escaped."""
    return Column(name, meaning, lambda row: row.record[field or name] or NO_VALUE)


def _number(name: str, meaning: str) -> Column[CallRow]:
    return Column(name, meaning, lambda row: number(row.record[name]))


def _tokens(name: str) -> Column[CallRow]:
    return Column(name, f"{name.removesuffix('_tokens').replace('_', ' ')} tokens", lambda row: str(row.record[name]))


def _total_tokens(row: CallRow) -> str:
    record = row.record
    return str(sum([record[name] for name in TOKEN_COLUMNS]))


def _credits(field: str) -> Callable[[CallRow], str]:
    def cell(row: CallRow) -> str:
        value = row.record[field]
        return NO_VALUE if value is None else amount(value)

    return cell


CALL_COLUMNS: Final[tuple[Column[CallRow], ...]] = (
    _number("sequence", "number of the record in the organization's ledger; rows are in this order"),
    _id("call_id", "id of the call", "hold_id"),
    Column(
        "time",
        "when the call began, in the organization's time zone",
        lambda row: local_time(row.record["place_time"], row.zone),
    ),
    Column("time_utc", "the same moment in UTC", lambda row: utc_time(row.record["place_time"])),
    Column(
        "settle_time_utc", "when the charge was recorded first, in UTC", lambda row: utc_time(row.record["settle_time"])
    ),
    _id("status", "`SETTLED`; `VOIDED`: failed, free; `EXPIRED`: no report, charged by policy", "outcome"),
    _id("usage_source", "where token counts come from: `provider`, `estimated` or `none`", "source"),
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
    _id("member_id", "member or service account"),
    Column("member_name", "its name at that moment", lambda row: row.member_name, is_text=True),
    _id("api_key_id", "the API key of the call"),
    Column("api_key_name", "its name at that moment", lambda row: row.api_key_name, is_text=True),
    _id("provider_id", "the provider that answered"),
    _id("model", "the model that was asked for", "requested_model"),
    _text("answered_model", "the model that the provider names in its answer"),
    _id("endpoint", "the operation, such as `chat_completions`"),
    Column("streamed", "`true` if the answer was streamed", lambda row: flag(value=row.record["streamed"])),
    _text("service_tier", "the tier that the provider reports"),
    _text("speed", "the speed that the provider reports"),
    _text("place", "the place of processing that the provider reports"),
    *(_tokens(name) for name in TOKEN_COLUMNS),
    Column("total_tokens", "the sum of all tokens", _total_tokens),
    _id("uses", "uses of hosted tools that cost a fee, as JSON"),
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
    _number("correction_sequence", "number of the correction in the ledger; empty without one"),
    _number("price_version", "version of the model's prices"),
    _number("http_status", "status of the answer; 0 without one"),
    _number("duration_ms", "milliseconds to the end of the answer"),
    _number("time_to_first_byte_ms", "milliseconds to its first byte"),
    _id("request_id", "the request id that the gateway gave the call"),
    _id("trace_id", "the trace of the call"),
    _text("provider_response_id", "the provider's id of the answer"),
)
"""Every field of a call, as it stands at the position of the export."""
