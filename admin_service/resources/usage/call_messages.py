"""Calls as messages. Pure."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.analytics_pb2 import UsageStatus
from megarouter.admin.v1.usage_pb2 import Call, UsageFinding

from admin_service.analytics.answer import Measures
from admin_service.analytics.call_records import TOKEN_COLUMNS
from admin_service.analytics.exports.call_rows import CallRow
from admin_service.api.guardrail_names import guardrail_name
from admin_service.api.names import (
    API_KEYS,
    CALLS,
    CREDIT_TRANSACTIONS,
    GROUPS,
    MEMBERS,
    MODELS,
    PROVIDERS,
    ResourceName,
    owner_name,
)
from admin_service.api.timestamps import timestamp
from admin_service.resources.analytics.messages import tokens_message
from gateway_core.model.ledger.transfers import TransferKind
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.throttles import Throttle, ThrottleKind

_THROTTLES: Final = {
    ThrottleKind.TOKENS: Call.CheckedLimit.KIND_TOKENS,
    ThrottleKind.CALLS: Call.CheckedLimit.KIND_CONCURRENT_CALLS,
}


def call_message(organization: str, call: CallRow) -> Call:
    """Returns what a list shows of a call."""
    row = call.record
    owner = owner_name(organization, row["member_id"])
    tokens = Measures(**{name: row[name] for name in TOKEN_COLUMNS})
    return Call(
        name=str(ResourceName(organization, CALLS, row["hold_id"])),
        place_time=timestamp(row["place_time"]),
        settle_time=timestamp(row["settle_time"]),
        time_to_first_byte_ms=row["time_to_first_byte_ms"],
        duration_ms=row["duration_ms"],
        status=UsageStatus.Value(f"USAGE_STATUS_{row['outcome']}"),
        detail=row["detail"],
        http_status=row["http_status"],
        member=str(owner) if owner.collection == MEMBERS else "",
        service_account="" if owner.collection == MEMBERS else str(owner),
        owner_display_name=call.member_name,
        api_key=str(ResourceName(organization, API_KEYS, row["api_key_id"])),
        api_key_display_name=call.api_key_name,
        groups=[str(ResourceName(organization, GROUPS, group)) for group in row["group_path"]],
        group_display_names=call.group_names,
        provider=f"{PROVIDERS}/{row['provider_id']}",
        model=f"{MODELS}/{row['requested_model']}",
        answered_model=row["answered_model"] or "",
        endpoint=row["endpoint"],
        streamed=row["streamed"],
        token_count=tokens.tokens,
        tokens=tokens_message(tokens),
        source=Call.Source.Value(f"SOURCE_{row['source'].upper()}"),
        charge_nano_credits=row["charge_nano_credits"],
        hold_nano_credits=row["hold_nano_credits"],
        is_corrected=row["correction_sequence"] is not None,
        tags=json.loads(row["tags"]) if row["tags"] else {},
        ledger_position=row["sequence"],
        trace_id=row["trace_id"] or "",
        request_id=row["request_id"],
        provider_response_id=row["provider_response_id"] or "",
        own_key=bool(row["own_key"]),
    )


def detailed_call_message(
    organization: str,
    call: CallRow,
    transfers: Iterable[asyncpg.Record],
    finding: UsageFinding | None,
    discrepancies: Sequence[str],
) -> Call:
    """Returns everything that is recorded about a call."""
    row = call.record
    message = call_message(organization, call)
    message.MergeFrom(
        Call(
            price_lines=[_price_line(*line) for line in json.loads(row["charge_lines"])],
            catalog_version=row["price_version"],
            service_tier=row["service_tier"] or "",
            speed=row["speed"] or "",
            place=row["place"] or "",
            transfers=[_transfer(organization, transfer) for transfer in transfers],
            checked_limits=[
                *(_budget(organization, counter) for counter in row["counters"]),
                *(_throttle(organization, throttle) for throttle in row["throttles"] or ()),
                *(_budget(organization, counter, is_later=True) for counter in row["later_counters"] or ()),
            ],
            finding=finding,
            discrepancies=discrepancies,
            deployment=row["deployment"] or "",
            failed_attempts=row["failed_attempts"] or (),
        )
    )
    return message


def _price_line(category: str, count: int, price: int, amount: int) -> Call.PriceLine:
    return Call.PriceLine(category=category, count=count, price_nano_credits=price, amount_nano_credits=amount)


def _transfer(organization: str, row: asyncpg.Record) -> Call.Transfer:
    return Call.Transfer(
        credit_transaction=str(ResourceName(organization, CREDIT_TRANSACTIONS, str(row["sequence"]))),
        charge_nano_credits=row["amount_nano_credits"] if row["charges"] else -row["amount_nano_credits"],
        create_time=timestamp(row["create_time"]),
        is_correction=row["kind"] == TransferKind.CORRECTION,
    )


def _budget(organization: str, encoded: str, *, is_later: bool = False) -> Call.CheckedLimit:
    counter = Counter.decode(encoded)
    return Call.CheckedLimit(
        guardrail=str(guardrail_name(organization, counter.scope)),
        kind=Call.CheckedLimit.KIND_BUDGET,
        models=counter.models,
        period_start_time=None if counter.cycle is Cycle.NEVER else _instant(counter.cycle_start_epoch_s),
        is_later=is_later,
    )


def _throttle(organization: str, encoded: str) -> Call.CheckedLimit:
    throttle = Throttle.decode(encoded)
    return Call.CheckedLimit(
        guardrail=str(guardrail_name(organization, throttle.scope)),
        kind=_THROTTLES[throttle.kind],
        models=throttle.models,
    )


def _instant(epoch_s: int) -> Timestamp:
    return timestamp(dt.datetime.fromtimestamp(epoch_s, dt.UTC))
