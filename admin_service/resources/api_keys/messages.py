"""Converts API keys to messages, and checks requests beyond the rules in the protos."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from admin_service.api.errors import FieldViolation
from admin_service.api.names import API_KEYS, MEMBERS, ResourceName, owner_name
from admin_service.api.spend_figures import set_spend
from admin_service.api.timestamps import timestamp
from admin_service.resources.api_keys.bound_errors import place_name
from admin_service.resources.api_keys.bounds import Limits
from admin_service.resources.api_keys.store import ApiKeyRow
from gateway_core.model.limits.address_lists import InvalidNetworkError, parse_networks
from gateway_core.model.limits.model_whitelists import InvalidWhitelistError, parse_whitelist

DEFAULT_OVERLAP: Final = dt.timedelta(hours=24)
MAX_OVERLAP: Final = dt.timedelta(days=7)

NEEDS_CYCLE: Final = "requires a cycle other than CYCLE_NEVER"

_STATES: Final = {
    "ACTIVE": ApiKey.STATE_ACTIVE,
    "DISABLED": ApiKey.STATE_DISABLED,
    "DELETED": ApiKey.STATE_DELETED,
}
_NANOSECONDS: Final = 10**9


def api_key_name(row: ApiKeyRow) -> ResourceName:
    """Returns the resource name of the key."""
    return ResourceName(row.organization, API_KEYS, row.api_key)


def api_key_message(row: ApiKeyRow, *, full: bool = False) -> ApiKey:
    """Returns the message; with `full`, also use and budget."""
    owner = owner_name(row.organization, row.member)
    message = ApiKey(
        name=str(api_key_name(row)),
        member=str(owner) if owner.collection == MEMBERS else "",
        service_account="" if owner.collection == MEMBERS else str(owner),
        member_display_name=row.member_display_name,
        display_name=row.display_name,
        obfuscated_key=row.obfuscated_key,
        state=ApiKey.STATE_EXPIRED if row.state == "ACTIVE" and row.is_expired else _STATES[row.state],
        expire_time=timestamp(row.expire_time) if row.expire_time else None,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
        model_whitelist=None if row.model_whitelist is None else ModelWhitelist(entries=row.model_whitelist),
        ip_allow_list=row.ip_allow_list or (),
        overlap_end_time=timestamp(row.overlap_end_time) if row.overlap_end_time else None,
    )
    message.limit_origins.extend(_origins(row))
    if row.state == "DISABLED":
        _add_disabling(message, row)
    if full:
        _add_use(message, row)
    return message


def _origins(row: ApiKeyRow) -> Iterable[ApiKey.LimitOrigin]:
    """Yields where the limits from above were set, by limit; the highest place first."""
    path = list(row.group_path)
    for limit, places in sorted(row.bounds.items()):
        for place in sorted(places, key=lambda place: path.index(place) if place in path else -1):
            yield ApiKey.LimitOrigin(limit=limit, scope=str(place_name(row.organization, place)))


def _add_disabling(message: ApiKey, row: ApiKeyRow) -> None:
    if row.disabled_by:
        message.disabled_by = str(ResourceName(row.organization, MEMBERS, row.disabled_by))
    if row.disabled_time:
        message.disable_time.CopyFrom(timestamp(row.disabled_time))


def _add_use(message: ApiKey, row: ApiKeyRow) -> None:
    if row.last_use_time:
        message.last_use_time.CopyFrom(timestamp(row.last_use_time))
    message.call_count = row.call_count
    set_spend(message, row)


def expire_time_of(key: ApiKey) -> dt.datetime | None:
    """Returns the requested expiry, or None. `check_key` made sure that the message is in range."""
    return key.expire_time.ToDatetime(tzinfo=dt.UTC) if key.HasField("expire_time") else None


def whitelist_of(key: ApiKey) -> list[str] | None:
    """Returns the requested whitelist entries, or None for every model."""
    return list(key.model_whitelist.entries) if key.HasField("model_whitelist") else None


def budget_of(request: api_key_pb2.CreateApiKeyRequest) -> tuple[int | None, str]:
    """Returns the budget of the new key's guardrail, or None, and its cycle."""
    cycle = Guardrail.Cycle.Name(request.budget_cycle).removeprefix("CYCLE_") if request.budget_cycle else "NEVER"
    return (request.budget_nano_credits if request.HasField("budget_nano_credits") else None), cycle


def key_limits(
    expire_time: dt.datetime | None, networks: Sequence[str] | None, whitelist: Sequence[str] | None
) -> Limits:
    """Returns limits of a key in the form that bounds are compared in."""
    return {
        "expire_time": expire_time.isoformat() if expire_time else None,
        "ip_allow_list": list(networks) if networks else None,
        "model_whitelist": None if whitelist is None else list(whitelist),
    }


def created_limits(request: api_key_pb2.CreateApiKeyRequest) -> Limits:
    """Returns the limits of a new key."""
    key = request.api_key
    budget, cycle = budget_of(request)
    limits = key_limits(expire_time_of(key), key.ip_allow_list, whitelist_of(key))
    rollover = request.budget_rollover
    most = (rollover.cap_nano_credits if rollover.HasField("cap_nano_credits") else budget,) if rollover.enabled else ()
    return {**limits, "budget": None if budget is None else [budget, cycle, *most]}


def overlap_of(request: api_key_pb2.RotateApiKeyRequest) -> dt.timedelta:
    """Returns how long the previous secret stays valid."""
    return request.overlap_duration.ToTimedelta() if request.HasField("overlap_duration") else DEFAULT_OVERLAP


def _budget_problems(request: api_key_pb2.CreateApiKeyRequest) -> Iterable[FieldViolation]:
    rollover = request.budget_rollover
    if not request.HasField("budget_nano_credits"):
        given = {"budget_cycle": bool(request.budget_cycle), "budget_rollover": rollover.enabled}
        yield from (
            FieldViolation(field, "requires budget_nano_credits") for field, is_given in given.items() if is_given
        )
    elif rollover.enabled and request.budget_cycle in {Guardrail.CYCLE_UNSPECIFIED, Guardrail.CYCLE_NEVER}:
        yield FieldViolation("budget_rollover", NEEDS_CYCLE)
    if rollover.HasField("cap_nano_credits") and not rollover.enabled:
        yield FieldViolation("budget_rollover.enabled", "must be true if cap_nano_credits is set")


def check_key(
    request: api_key_pb2.CreateApiKeyRequest | api_key_pb2.UpdateApiKeyRequest,
) -> Iterable[FieldViolation]:
    """Checks the expiry, the allowed addresses and the model whitelist."""
    key = request.api_key
    if key.member and key.service_account and isinstance(request, api_key_pb2.CreateApiKeyRequest):
        yield FieldViolation("api_key.service_account", "must be empty if member is set: a key has one owner")
    if isinstance(request, api_key_pb2.CreateApiKeyRequest):
        yield from _budget_problems(request)
    if key.HasField("expire_time"):
        try:
            expire_time_of(key)
        except (ValueError, OverflowError):
            yield FieldViolation("api_key.expire_time", "must be between the years 1 and 9999")
    try:
        parse_networks(key.ip_allow_list)
    except InvalidNetworkError as error:
        yield FieldViolation("api_key.ip_allow_list", str(error))
    yield from check_whitelist(key.model_whitelist, "api_key.model_whitelist")


def check_whitelist(whitelist: ModelWhitelist, field: str) -> Iterable[FieldViolation]:
    """Checks the syntax of the entries."""
    try:
        parse_whitelist(whitelist.entries)
    except InvalidWhitelistError as error:
        yield FieldViolation(f"{field}.entries", str(error))


def check_rotation(request: api_key_pb2.RotateApiKeyRequest) -> Iterable[FieldViolation]:
    """Checks the overlap before it is converted: a proto duration can be out of range."""
    if request.HasField("overlap_duration") and not _is_overlap(request.overlap_duration):
        yield FieldViolation("overlap_duration", f"must be between 0 and {MAX_OVERLAP.days} days")


def check_transfer(request: api_key_pb2.TransferApiKeyRequest) -> Iterable[FieldViolation]:
    """Checks that the request names one new owner."""
    if bool(request.member) == bool(request.service_account):
        yield FieldViolation("member", "or service_account is required, and only one of them: it is the new owner")


def _is_overlap(duration: Duration) -> bool:
    if not 0 <= duration.nanos < _NANOSECONDS:
        return False
    return 0 <= duration.seconds * _NANOSECONDS + duration.nanos <= MAX_OVERLAP // dt.timedelta(microseconds=1) * 1_000
