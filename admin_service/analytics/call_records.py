"""SQL that reads calls as they stand: a record `u`, and the correction `c` that replaces parts of it. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from admin_service.analytics.kept_conditions import kept_conditions
from admin_service.analytics.query import Filter, Reach
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import INPUT_TOKEN_COLUMNS, OUTPUT_TOKEN_COLUMNS

TOKEN_COLUMNS: Final = (*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS)
_OF_RECORD: Final = (
    *("hold_id", "sequence", "place_time", "settle_time", "group_path", "member_id", "api_key_id", "endpoint"),
    *("streamed", "requested_model", "provider_id", "price_version", "tags"),
)
_AS_IT_STANDS: Final = (
    *("outcome", "source", "answered_model", "provider_response_id", "service_tier", "speed", "place"),
    *("charge_nano_credits", "uses", "http_status", "duration_ms", "time_to_first_byte_ms", "request_id", "trace_id"),
    *TOKEN_COLUMNS,
)
"""A correction replaces these of its record."""
_FILTERS: Final = {
    "members": "u.member_id",
    "api_keys": "u.api_key_id",
    "models": "u.requested_model",
    "providers": "u.provider_id",
    "endpoints": "u.endpoint",
    "statuses": "coalesce(c.outcome, u.outcome)",
}


def call_columns(others: Sequence[str] = ()) -> Sequence[str]:
    """Returns the select items of a call as it stands: of its record `u` and its correction `c`."""
    return [
        *(f"u.{name}" for name in _OF_RECORD),
        *(
            f"CASE WHEN c.hold_id IS NULL THEN u.{name} ELSE c.{name} END AS {name}"
            for name in (*_AS_IT_STANDS, *others)
        ),
        "c.sequence AS correction_sequence, c.delta_nano_credits AS correction_nano_credits",
    ]


def record_conditions(kept: Filter, reach: Reach, parameters: Parameters, path: str = "u.group_path") -> Iterable[str]:
    """Returns the conditions of a filter and a reach on a record `u`, its correction `c`, and the path of its member's groups."""
    return kept_conditions(_FILTERS, kept, reach, parameters, path=path, tags="u.tags")
