"""Serves `megarouter.admin.v1.Usage`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.usage_pb2 import UsageFinding

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.names import API_KEYS, MEMBERS, MODELS, PROVIDERS, USAGE_FINDINGS, ResourceName, owner_name
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
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


class UsageApi:
    """Reads how calls were metered. Nothing here changes it."""

    service = usage_pb2.DESCRIPTOR.services_by_name["Usage"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"ListUsageFindings": self.list_findings}
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

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
