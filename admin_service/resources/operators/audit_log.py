"""Serves `Operators.ListOperatorAuditLogEntries`: what operators did."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import asyncpg
from google.protobuf import json_format
from megarouter.admin.v1 import operator_pb2
from megarouter.admin.v1.operator_pb2 import OperatorAuditLogEntry

from admin_service.access.authorization import OperatorCaller
from admin_service.access.permissions import Permission
from admin_service.api.names import ACCESS_TOKENS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing

_COLUMNS: Final = """
a.sequence, a.create_time, a.user_id, coalesce(nullif(u.display_name, ''), u.email, ''), a.access_token_id, a.method,
a.concerned_organization_id,
CASE WHEN a.concerned_organization_id IS NOT NULL
     THEN (SELECT s.display_name FROM organization_summaries(a.concerned_organization_id) s) END,
a.resource_name, a.before, a.after, a.request_id, a.call_id, a.address, a.issuer
"""
_SOURCE: Final = "operator_audit_log a LEFT JOIN users u ON u.user_id = a.user_id"


@dataclass(frozen=True, slots=True)
class _Row:
    sequence: int
    create_time: dt.datetime
    user: str | None
    user_name: str
    """The present name of the user, or else the address."""
    access_token: str | None
    method: str
    organization: str | None
    organization_name: str | None
    resource: str
    before: str | None
    after: str | None
    request_id: str
    call_id: str
    address: str
    issuer: str


_ENTRIES: Final = Listing(
    columns=_COLUMNS,
    source=_SOURCE,
    make=_Row,
    permission=Permission.OPERATORS_READ,
    orders={"number": SortColumn("a.sequence", "bigint")},
    unique=SortColumn("a.sequence", "bigint"),
    default_order="number desc",
    fields={
        "create_time": TimeField("a.create_time"),
        "user": NameField("a.user_id", "users/{id}"),
        "organization": NameField("a.concerned_organization_id", "organizations/{id}"),
        "method": TextField("a.method"),
        "resource": TextField("a.resource_name"),
        "request_id": TextField("a.request_id"),
        "call_id": TextField("a.call_id"),
        "client_address": TextField("a.address"),
    },
    searched=("a.method", "a.resource_name"),
)


class OperatorAuditLog:
    """Reads the operators' log. Nothing here changes it."""

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens

    async def list(
        self, request: operator_pb2.ListOperatorAuditLogEntriesRequest, _caller: OperatorCaller
    ) -> operator_pb2.ListOperatorAuditLogEntriesResponse:
        """ListOperatorAuditLogEntries returns what operators did, newest first."""
        query = _ENTRIES.query(request, self._page_tokens, "")
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return operator_pb2.ListOperatorAuditLogEntriesResponse(
            operator_audit_log_entries=map(_message, page.rows), next_page_token=page.next_page_token
        )


def _message(row: _Row) -> OperatorAuditLogEntry:
    entry = OperatorAuditLogEntry(
        number=row.sequence,
        create_time=timestamp(row.create_time),
        user=str(UserResourceName(row.user)) if row.user else "",
        user_display_name=row.user_name,
        access_token=str(UserResourceName(row.user, ACCESS_TOKENS, row.access_token))
        if row.user and row.access_token
        else "",
        method=row.method,
        organization=str(ResourceName(row.organization)) if row.organization else "",
        organization_display_name=row.organization_name or "",
        resource=row.resource,
        request_id=row.request_id,
        call_id=row.call_id,
        client_address=row.address,
        issuer=row.issuer,
    )
    for field, text in (("before", row.before), ("after", row.after)):
        if text is not None:
            json_format.Parse(text, getattr(entry, field))
    return entry
