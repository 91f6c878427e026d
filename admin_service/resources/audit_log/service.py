"""Serves `megarouter.admin.v1.AuditLog`."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from google.protobuf import json_format
from google.protobuf.json_format import MessageToDict
from megarouter.admin.v1 import audit_log_pb2
from megarouter.admin.v1.audit_log_pb2 import AuditLogEntry

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.errors import permission_denied
from admin_service.api.names import (
    ACCESS_TOKENS,
    AUDIT_LOG_ENTRIES,
    CREDENTIALS,
    MEMBERS,
    ResourceName,
    UserResourceName,
)
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing, ListRequest, Page
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

_COLUMNS: Final = """
a.organization_id, a.sequence, a.create_time, a.user_id, a.member_id, a.role, a.access_token_id, a.method, a.resource_name,
a.before, a.after, a.request_id, a.call_id, a.address,
coalesce((SELECT coalesce(nullif(u.display_name, ''), u.email) FROM users u WHERE u.user_id = a.user_id), ''),
a.issuer, a.refusal, a.credential_id
"""
_GET: Final = f"SELECT {_COLUMNS} FROM audit_log a WHERE a.organization_id = $1 AND a.sequence = $2"  # noqa: S608
_HEADER: Final = (
    "create_time", "user", "member", "role", "method", "resource", "before", "after", "request_id", "call_id", "client_address",
    "access_token", "name", "user_display_name", "issuer", "refusal", "credential",
)  # fmt: skip
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet evaluates a cell that begins with one of these (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True)
class _Row:
    organization: str
    sequence: int
    create_time: dt.datetime
    user: str
    member: str | None
    role: str | None
    access_token: str | None
    method: str
    resource: str
    before: str | None
    after: str | None
    request_id: str
    call_id: str
    address: str
    user_name: str
    """The present name of the user, or else the address."""
    issuer: str
    refusal: str
    credential: str | None


_ENTRIES: Final = Listing(
    columns=_COLUMNS,
    source="audit_log a",
    make=_Row,
    permission=Permission.AUDIT_LOG_READ,
    orders={"number": SortColumn("a.sequence", "bigint")},
    unique=SortColumn("a.sequence", "bigint"),
    default_order="number desc",
    fields={
        "create_time": TimeField("a.create_time"),
        "user": NameField("a.user_id", "users/{id}"),
        "member": NameField("a.member_id", "organizations/{organization}/members/{id}"),
        "role": TextField("a.role"),
        "method": TextField("a.method"),
        "resource": TextField("a.resource_name"),
        "request_id": TextField("a.request_id"),
        "call_id": TextField("a.call_id"),
        "client_address": TextField("a.address"),
        "issuer": TextField("a.issuer"),
        "refusal": TextField("a.refusal"),
    },
    searched=("a.method", "a.resource_name"),
)


class AuditLogApi:
    """Reads the audit log. Nothing here changes it."""

    service = audit_log_pb2.DESCRIPTOR.services_by_name["AuditLog"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetAuditLogEntry": self.get,
            "ListAuditLogEntries": self.list,
            "ExportAuditLogEntries": self.export,
        }
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    async def get(self, _request: audit_log_pb2.GetAuditLogEntryRequest, caller: Caller) -> AuditLogEntry:
        """GetAuditLogEntry returns one entry."""
        name = caller.resource
        async with acting_for(self._pool, name.organization) as connection:
            row = await connection.fetchrow(_GET, name.organization, int(str(name.resource_id)))
        if row is None:
            raise permission_denied(Permission.AUDIT_LOG_READ, str(name))
        return _message(_Row(*row))

    async def list(
        self, request: audit_log_pb2.ListAuditLogEntriesRequest, caller: Caller
    ) -> audit_log_pb2.ListAuditLogEntriesResponse:
        """ListAuditLogEntries returns the entries that the caller may see."""
        page = await self._page(request, caller)
        return audit_log_pb2.ListAuditLogEntriesResponse(
            audit_log_entries=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def export(
        self, request: audit_log_pb2.ExportAuditLogEntriesRequest, caller: Caller
    ) -> audit_log_pb2.ExportAuditLogEntriesResponse:
        """ExportAuditLogEntries returns one page of entries as CSV or JSON lines."""
        page = await self._page(request, caller)
        entries = [_message(row) for row in page.rows]
        if request.format == audit_log_pb2.AUDIT_LOG_FORMAT_CSV:
            content, content_type = _csv(entries, with_header=not request.page_token), "text/csv; charset=utf-8"
        else:
            content, content_type = "".join(map(_json_line, entries)), "application/x-ndjson"
        return audit_log_pb2.ExportAuditLogEntriesResponse(
            content=content, content_type=content_type, next_page_token=page.next_page_token
        )

    async def _page(self, request: ListRequest, caller: Caller) -> Page[_Row]:
        organization = caller.resource.organization
        query = _ENTRIES.query(
            request, self._page_tokens, organization,
            Condition("a.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member=None, group_path="a.group_path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            return await query.read(connection)


def _message(row: _Row) -> AuditLogEntry:
    entry = AuditLogEntry(
        name=str(ResourceName(row.organization, AUDIT_LOG_ENTRIES, str(row.sequence))),
        create_time=timestamp(row.create_time),
        user=str(UserResourceName(row.user)),
        member=str(ResourceName(row.organization, MEMBERS, row.member)) if row.member else "",
        role=row.role or "",
        access_token=str(UserResourceName(row.user, ACCESS_TOKENS, row.access_token)) if row.access_token else "",
        method=row.method,
        resource=row.resource,
        request_id=row.request_id,
        call_id=row.call_id,
        client_address=row.address,
        user_display_name=row.user_name,
        issuer=row.issuer,
        refusal=row.refusal,
        credential=str(ResourceName(row.organization, CREDENTIALS, row.credential)) if row.credential else "",
    )
    for field, text in (("before", row.before), ("after", row.after)):
        if text is not None:
            json_format.Parse(text, getattr(entry, field))
    return entry


def _json_line(entry: AuditLogEntry) -> str:
    return json.dumps(MessageToDict(entry), ensure_ascii=False, separators=(",", ":")) + "\n"


def _csv(entries: Iterable[AuditLogEntry], *, with_header: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out)  # RFC 4180: lines end with CR LF; cells are quoted only if needed.
    if with_header:
        writer.writerow(_HEADER)
    for entry in entries:
        values: Mapping[str, Any] = MessageToDict(entry, preserving_proto_field_name=True)
        writer.writerow(_cells(values))
    return out.getvalue()


def _cells(values: Mapping[str, Any]) -> Sequence[str]:
    texts = (values.get(column, "") for column in _HEADER)
    return [_harmless(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)) for text in texts]


def _harmless(text: str) -> str:
    """Returns a cell that no spreadsheet evaluates as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
