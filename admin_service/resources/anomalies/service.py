"""Serves `megarouter.admin.v1.Anomalies`."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import asyncpg
from megarouter.admin.v1 import anomaly_pb2
from megarouter.admin.v1.anomaly_pb2 import Anomaly

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Actor, Permission, visibility
from admin_service.analytics.names import names_of
from admin_service.api.errors import FieldViolation, permission_denied
from admin_service.api.etags import check_etag
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.anomalies import store
from admin_service.resources.anomalies.messages import DIMENSIONS, Names, anomaly_message, anomaly_name
from admin_service.resources.anomalies.store import AnomalyRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_ORGANIZATION: Final = "organizations/{organization}"
_LISTING: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=AnomalyRow,
    permission=Permission.ANOMALIES_READ,
    orders={
        "start_time": SortColumn("a.start_time", "timestamptz"),
        "excess_nano_credits": SortColumn(store.EXCESS, "bigint"),
    },
    unique=SortColumn("a.anomaly_id", "text"),
    default_order="start_time desc",
    fields={
        "state": EnumField.of(store.STATE, ("OPEN", "ACKNOWLEDGED", "WITHDRAWN"), "STATE_"),
        "verdict": EnumField.of(store.VERDICT, ("PLANNED", "WRONG", "RIGHT", "UNSPECIFIED"), "VERDICT_"),
        "granularity": EnumField.of("a.granularity", ("DAY", "HOUR"), "GRANULARITY_"),
        "start_time": TimeField("a.start_time"),
        "create_time": TimeField("a.create_time"),
        "excess_nano_credits": IntegerField(store.EXCESS),
        "group": NameField("(CASE a.scope_kind WHEN 'group' THEN a.scope_id END)", f"{_ORGANIZATION}/groups/{{id}}"),
        "member": NameField("a.member_id", f"{_ORGANIZATION}/members/{{id}}"),
        "service_account": NameField("a.member_id", f"{_ORGANIZATION}/serviceAccounts/{{id}}"),
        "api_key": NameField(
            "(CASE a.scope_kind WHEN 'api_key' THEN a.scope_id END)", f"{_ORGANIZATION}/apiKeys/{{id}}"
        ),
        "incident": NameField(store.INCIDENT, f"{_ORGANIZATION}/anomalies/{{id}}"),
    },
)


class AnomaliesApi:
    """The anomalies of organizations."""

    service = anomaly_pb2.DESCRIPTOR.services_by_name["Anomalies"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetAnomaly": self.get, "ListAnomalies": self.list}
        self.changes: Mapping[str, MakeChange] = {"AcknowledgeAnomaly": acknowledge}
        self.rules: Mapping[str, Rule] = {"AcknowledgeAnomaly": _check_verdict}

    async def get(self, _request: anomaly_pb2.GetAnomalyRequest, caller: Caller) -> Anomaly:
        """GetAnomaly returns one anomaly, also one that another explains."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return await _found(connection, caller, Permission.ANOMALIES_READ)

    async def list(
        self, request: anomaly_pb2.ListAnomaliesRequest, caller: Caller
    ) -> anomaly_pb2.ListAnomaliesResponse:
        """ListAnomalies returns the anomalies that the caller sees and none that they see explains."""
        organization = caller.resource.organization
        query = _LISTING.query(
            request, self._page_tokens, organization,
            Condition("a.organization_id = {}", organization),
            _visible(caller.actor, "a"),
            _not_explained(caller.actor),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
            messages = await _messages(connection, caller.actor, page.rows)
        return anomaly_pb2.ListAnomaliesResponse(anomalies=messages, next_page_token=page.next_page_token)


async def acknowledge(request: anomaly_pb2.AcknowledgeAnomalyRequest, change: Change) -> Anomaly:
    """AcknowledgeAnomaly stores what the caller says about an anomaly."""
    connection, caller = change.connection, change.caller
    row = await _row(connection, caller, Permission.ANOMALIES_WRITE)
    before = await _found(connection, caller, Permission.ANOMALIES_WRITE)
    check_etag(request.etag, row.etag)
    verdict = Anomaly.Verdict.Name(request.verdict).removeprefix("VERDICT_")
    if (row.verdict, row.note) == (verdict, request.note):
        return before
    await store.answer(connection, row, verdict, request.note, caller.user)
    after = await _found(connection, caller, Permission.ANOMALIES_WRITE)
    change.record(anomaly_name(row), before, after, group_path=row.group_path)
    return after


def _check_verdict(request: anomaly_pb2.AcknowledgeAnomalyRequest) -> Iterator[FieldViolation]:
    if not request.verdict:
        yield FieldViolation("verdict", "must be planned, wrong or right")


async def visible_alarms(
    connection: Connection, actor: Actor, start: dt.datetime, end: dt.datetime
) -> Sequence[AnomalyRow]:
    """Returns the alarms of a period that the actor sees, the largest first, at most 100."""
    return await store.alarms_between(
        connection, actor.organization, start, end, _visible(actor, "a"), _not_explained(actor)
    )


def _visible(actor: Actor, row: str) -> Condition:
    """Returns the condition for the anomalies that the actor sees, in agreement with `may`."""
    return visible_rows(visibility(actor), member=f"{row}.member_id", group_path=f"{row}.group_path")


def _not_explained(actor: Actor) -> Condition:
    """Returns the condition for anomalies that no other one explains which the actor sees."""
    visible = _visible(actor, "e")
    text = (
        "NOT EXISTS (SELECT FROM usage_anomalies e WHERE e.organization_id = a.organization_id"
        f" AND e.anomaly_id = a.explained_by AND e.withdraw_time IS NULL AND {visible.text})"
    )
    return Condition(text, *visible.values)


async def _row(connection: Connection, caller: Caller, permission: Permission) -> AnomalyRow:
    name = caller.resource
    row = await store.get_anomaly(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row


async def _found(connection: Connection, caller: Caller, permission: Permission) -> Anomaly:
    (message,) = await _messages(connection, caller.actor, [await _row(connection, caller, permission)])
    return message


async def _messages(connection: Connection, actor: Actor, rows: Sequence[AnomalyRow]) -> list[Anomaly]:
    if not rows:
        return []
    explained = await store.explained_by(
        connection, actor.organization, [row.anomaly for row in rows], _visible(actor, "a")
    )
    names = await _names(connection, actor.organization, rows)
    return [anomaly_message(row, explained.get(row.anomaly, ()), names) for row in rows]


async def _names(connection: Connection, organization: str, rows: Sequence[AnomalyRow]) -> Names:
    latest = max(row.end_time for row in rows)
    return {
        dimension: await names_of(
            connection, organization, dimension, {part[0] for row in rows for part in row.parts[listed]}, latest
        )
        for listed, dimension in DIMENSIONS.items()
    }
