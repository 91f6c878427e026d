"""Serves `megarouter.admin.v1.Usage`."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import grpc
from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.usage_pb2 import UsageFinding
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.analytics.calls import Cursor, cursor_of, read_call, read_calls
from admin_service.analytics.exports.call_rows import named
from admin_service.analytics.exports.name_history import NameHistory
from admin_service.analytics.query import InvalidQueryError, UsageQuery
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.names import API_KEYS, MEMBERS, MODELS, PROVIDERS, USAGE_FINDINGS, ResourceName, owner_name
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokenError, PageTokens
from admin_service.listing.reading import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Listing, arguments_of, bounds_of
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.analytics.questions import filter_of, period_of, reach_of, tree_of
from admin_service.resources.usage import refusals
from admin_service.resources.usage.call_messages import call_message, detailed_call_message
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for


@dataclass(frozen=True, slots=True)
class _Row:
    organization: str
    hold_id: str
    create_time: dt.datetime
    kinds: Sequence[str]
    reason: str
    report: str
    member: str
    api_key: str
    provider: str
    model: str
    answered_model: str | None
    source: str
    charge_nano_credits: int
    place_time: dt.datetime
    owner_display_name: str


_FINDINGS: Final = Listing(
    columns=(
        "f.organization_id, f.hold_id, f.create_time, f.kinds, f.reason, f.report, f.member_id, f.api_key_id, f.provider_id,"
        " f.requested_model, f.answered_model, f.source, f.charge_nano_credits, f.place_time,"
        " coalesce(m.display_name, nullif(u.display_name, ''), u.email, '')"
    ),
    source=(
        "usage_findings f LEFT JOIN members m ON m.organization_id = f.organization_id AND m.member_id = f.member_id"
        " LEFT JOIN users u ON u.user_id = m.user_id"
    ),
    make=_Row,
    permission=Permission.USAGE_READ,
    orders={"create_time": SortColumn("f.create_time", "timestamptz")},
    unique=SortColumn("f.hold_id", "text"),
    default_order="create_time desc",
    fields={
        "create_time": TimeField("f.create_time"),
        "place_time": TimeField("f.place_time"),
        "kinds": TextField("array_to_string(f.kinds, ' ')"),
        "provider": TextField("f.provider_id"),
        "model": TextField("f.requested_model"),
        "answered_model": TextField("f.answered_model"),
        "member": NameField("f.member_id", "organizations/{organization}/members/{id}"),
        "service_account": NameField("f.member_id", "organizations/{organization}/serviceAccounts/{id}"),
        "api_key": NameField("f.api_key_id", "organizations/{organization}/apiKeys/{id}"),
        "source": EnumField("f.source", {"PROVIDER": "provider", "ESTIMATED": "estimated"}, "SOURCE_"),
        "charge_nano_credits": IntegerField("f.charge_nano_credits"),
    },
    searched=("f.reason",),
)


_FINDING_OF_CALL: Final = (
    f"SELECT {_FINDINGS.columns} FROM {_FINDINGS.source} WHERE f.organization_id = $1 AND f.hold_id = $2"  # noqa: S608 - our own
)
_TRANSFERS: Final = """
SELECT sequence, kind, debit_account = 'CREDIT_POOL' AS charges, amount_nano_credits, create_time FROM ledger_transfers
 WHERE organization_id = $1 AND sequence = ANY ($2::bigint[]) ORDER BY sequence
"""
_DISCREPANCIES: Final = """
SELECT detail FROM usage_discrepancies WHERE organization_id = $1 AND hold_id = $2 ORDER BY discrepancy_id
"""


class UsageApi:
    """Reads calls and how they were metered, each answer in one snapshot of the database. Nothing here changes anything."""

    service = usage_pb2.DESCRIPTOR.services_by_name["Usage"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, now: Callable[[], dt.datetime]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._now = now
        self.handlers: Mapping[str, Handle] = {
            "GetCall": self.get_call,
            "ListCalls": self.list_calls,
            "ListUsageFindings": self.list_findings,
            "QueryRefusals": self.query_refusals,
        }
        self.questions = frozenset({"ListCalls", "ListUsageFindings", "QueryRefusals"})
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    async def get_call(self, _request: usage_pb2.GetCallRequest, caller: Caller) -> usage_pb2.Call:
        """GetCall returns one call with everything that is recorded about it."""
        name = caller.resource
        async with acting_for(self._pool, name.organization, isolation="repeatable_read") as connection:
            row = await read_call(connection, name.organization, str(name.resource_id), reach_of(caller.actor))
            if row is None:
                raise permission_denied(Permission.USAGE_READ, str(name))
            (call,) = await named([row], NameHistory(connection, name.organization), ZoneInfo("UTC"))
            finding = await connection.fetchrow(_FINDING_OF_CALL, name.organization, row["hold_id"])
            transfers = await connection.fetch(
                _TRANSFERS, name.organization, [row["sequence"], row["correction_sequence"]]
            )
            discrepancies = await connection.fetch(_DISCREPANCIES, name.organization, row["hold_id"])
        return detailed_call_message(
            name.organization,
            call,
            transfers,
            None if finding is None else _message(_Row(*finding)),
            [row["detail"] for row in discrepancies],
        )

    async def list_calls(self, request: usage_pb2.ListCallsRequest, caller: Caller) -> usage_pb2.ListCallsResponse:
        """ListCalls returns the calls that the caller may see, the latest first."""
        organization = caller.resource.organization
        if violations := bounds_of(request):
            raise invalid_fields(*violations)
        start, end = period_of(request.time_range, self._now())
        query = UsageQuery(
            organization,
            start,
            end,
            filter=filter_of(request.usage_filter, organization),
            reach=reach_of(caller.actor),
            tree=tree_of(request.tree),
        )
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        after = self._cursor(request)
        try:
            async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
                page = await read_calls(connection, query, size, after)
                calls = await named(page.rows, NameHistory(connection, organization), ZoneInfo("UTC"))
        except InvalidQueryError as error:
            raise invalid_fields(FieldViolation("usage_filter", str(error))) from error
        token = ""
        if page.has_more:
            time, sequence = cursor_of(page.rows[-1])
            token = self._page_tokens.encode(f"{time.isoformat()} {sequence}", arguments_of(request))
        return usage_pb2.ListCallsResponse(
            calls=[call_message(organization, call) for call in calls], next_page_token=token
        )

    async def query_refusals(
        self, request: usage_pb2.QueryRefusalsRequest, caller: Caller
    ) -> usage_pb2.QueryRefusalsResponse:
        """QueryRefusals counts the refused calls that the caller may see."""
        query = refusals.query_of(request, caller.actor, self._now())
        async with acting_for(self._pool, query.organization, isolation="repeatable_read") as connection:
            return await refusals.answer_of(connection, query)

    def _cursor(self, request: usage_pb2.ListCallsRequest) -> Cursor | None:
        if not request.page_token:
            return None
        try:
            time, _, sequence = self._page_tokens.decode(request.page_token, arguments_of(request)).partition(" ")
        except PageTokenError as error:
            message = f"{error}: start again without a page token."
            raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.PAGE_TOKEN_INVALID, message) from error
        return dt.datetime.fromisoformat(time), int(sequence)

    async def list_findings(
        self, request: usage_pb2.ListUsageFindingsRequest, caller: Caller
    ) -> usage_pb2.ListUsageFindingsResponse:
        """ListUsageFindings returns the findings that the caller may see."""
        organization = caller.resource.organization
        query = _FINDINGS.query(
            request, self._page_tokens, organization,
            Condition("f.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member="f.member_id", group_path="f.group_path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return usage_pb2.ListUsageFindingsResponse(
            usage_findings=map(_message, page.rows), next_page_token=page.next_page_token
        )


def _message(row: _Row) -> UsageFinding:
    owner = owner_name(row.organization, row.member)
    return UsageFinding(
        name=str(ResourceName(row.organization, USAGE_FINDINGS, row.hold_id)),
        create_time=timestamp(row.create_time),
        kinds=[UsageFinding.Kind.Value(f"KIND_{kind.upper()}") for kind in row.kinds],
        reason=row.reason,
        report=row.report,
        member=str(owner) if owner.collection == MEMBERS else "",
        service_account="" if owner.collection == MEMBERS else str(owner),
        api_key=str(ResourceName(row.organization, API_KEYS, row.api_key)),
        provider=f"{PROVIDERS}/{row.provider}",
        model=f"{MODELS}/{row.model}",
        answered_model=row.answered_model or "",
        source=UsageFinding.Source.Value(f"SOURCE_{row.source.upper()}"),
        charge_nano_credits=row.charge_nano_credits,
        place_time=timestamp(row.place_time),
        owner_display_name=row.owner_display_name,
    )
