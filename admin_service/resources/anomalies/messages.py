"""Anomalies as messages. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from megarouter.admin.v1.analytics_pb2 import UsageValue
from megarouter.admin.v1.anomaly_pb2 import Anomaly, AnomalyPart
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.analytics.names import UsageName
from admin_service.analytics.query import Dimension
from admin_service.api.guardrail_names import scope_name
from admin_service.api.names import ANOMALIES, API_KEYS, MODELS, ResourceName, owner_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.anomalies.store import AnomalyRow, Part
from gateway_core.model.organization.scopes import Scope, ScopeKind

DIMENSIONS: Final = {"members": Dimension.MEMBER, "keys": Dimension.API_KEY, "models": Dimension.MODEL}
"""The dimensions of the lists of parts."""
Names = Mapping[Dimension, Mapping[str, UsageName]]


def anomaly_message(row: AnomalyRow, explained: Sequence[Scope], names: Names) -> Anomaly:
    """Returns an anomaly.

    Args:
        row: as stored.
        explained: other scopes whose anomalies it explains.
        names: of members and keys.
    """
    message = Anomaly(
        name=anomaly_name(row),
        scope=str(scope_name(row.organization, row.scope)),
        scope_display_name=row.scope_display_name,
        owner=str(owner_name(row.organization, row.member)) if row.member else "",
        time_range=TimeRange(start_time=timestamp(row.start_time), end_time=timestamp(row.end_time)),
        granularity=Anomaly.Granularity.Value(f"GRANULARITY_{row.granularity}"),
        state=Anomaly.State.Value(f"STATE_{row.state}"),
        actual_nano_credits=row.actual,
        expected_nano_credits=row.expected,
        lowest_usual_nano_credits=row.lowest_usual,
        highest_usual_nano_credits=row.highest_usual,
        excess=_part(("", row.volume, row.size, row.price)),
        api_keys=_parts(row, "keys", names),
        models=_parts(row, "models", names),
        explained_scopes=[str(scope_name(row.organization, scope)) for scope in explained],
        verdict=Anomaly.Verdict.Value(f"VERDICT_{row.verdict}"),
        note=row.note,
        acknowledger_display_name=row.acknowledger,
        ledger_position=row.ledger_sequence,
        create_time=timestamp(row.create_time),
        etag=row.etag,
        incident=str(ResourceName(row.organization, ANOMALIES, row.incident)) if row.incident else "",
    )
    if row.scope.kind is ScopeKind.GROUP:
        message.members.extend(_parts(row, "members", names))
    if row.acknowledge_time is not None:
        message.acknowledge_time.CopyFrom(timestamp(row.acknowledge_time))
    return message


def anomaly_name(row: AnomalyRow) -> str:
    """Returns the resource name."""
    return str(ResourceName(row.organization, ANOMALIES, row.anomaly))


def _parts(row: AnomalyRow, listed: str, names: Names) -> list[AnomalyPart]:
    found = []
    for part in row.parts[listed]:
        message = _part(part)
        ident = part[0]
        message.is_other = not ident
        if ident:
            message.value.CopyFrom(_value(row.organization, DIMENSIONS[listed], ident, names))
        found.append(message)
    return found


def _part(part: Part) -> AnomalyPart:
    _, volume, size, price = part
    return AnomalyPart(
        excess_nano_credits=volume + size + price,
        volume_nano_credits=volume,
        size_nano_credits=size,
        price_nano_credits=price,
    )


def _value(organization: str, dimension: Dimension, ident: str, names: Names) -> UsageValue:
    match dimension:
        case Dimension.MEMBER:
            value = str(owner_name(organization, ident))
        case Dimension.API_KEY:
            value = str(ResourceName(organization, API_KEYS, ident))
        case _:
            value = f"{MODELS}/{ident}"
    name = names.get(dimension, {}).get(ident)
    return UsageValue(
        value=value, display_name=name.display_name if name else "", is_deleted=name.is_deleted if name else False
    )
