"""Serves `megarouter.admin.v1.ClaimMappings`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import claim_mapping_pb2
from megarouter.admin.v1.claim_mapping_pb2 import ClaimMapping
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.granted_places import granted_place
from admin_service.access.permissions import Permission, Role, visibility
from admin_service.access.role_messages import role_of, role_value
from admin_service.api.errors import AdminError, FieldViolation, already_exists, permission_denied
from admin_service.api.names import CLAIM_MAPPINGS, GROUPS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.claim_mappings import store
from admin_service.resources.claim_mappings.rules import UNUSABLE, Holding
from admin_service.resources.claim_mappings.store import MappingRow
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from admin_service.sign_in.issuers import Issuers
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_MAPPINGS: Final = 100
_DEFAULT_CLAIM: Final = "groups"
_WRITE: Final = Permission.CLAIM_MAPPINGS_WRITE

_MAPPINGS: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=MappingRow,
    permission=Permission.CLAIM_MAPPINGS_READ,
    orders={"name": SortColumn("p.claim_mapping_id")},
    unique=SortColumn("p.claim_mapping_id"),
    default_order="name",
    fields={
        "issuer": TextField("p.issuer"),
        "claim": TextField("p.claim"),
        "value": TextField("p.value"),
        "role": EnumField.of("p.role", Role, "ROLE_"),
        "group": NameField("p.group_id", "organizations/{organization}/groups/{id}"),
        "create_time": TimeField("p.create_time"),
    },
    searched=("p.value",),
)


class ClaimMappingsApi:
    """What claims of identity providers give in organizations."""

    service = claim_mapping_pb2.DESCRIPTOR.services_by_name["ClaimMappings"]

    def __init__(
        self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str], issuers: Issuers
    ) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self._issuers = issuers
        self.handlers: Mapping[str, Handle] = {"GetClaimMapping": self.get, "ListClaimMappings": self.list}
        self.changes: Mapping[str, MakeChange] = {"CreateClaimMapping": self.create, "DeleteClaimMapping": self.delete}
        self.rules: Mapping[str, Rule] = {"CreateClaimMapping": _check_new}

    async def get(self, _request: claim_mapping_pb2.GetClaimMappingRequest, caller: Caller) -> ClaimMapping:
        """GetClaimMapping returns one mapping."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return _message(await _existing(connection, caller, Permission.CLAIM_MAPPINGS_READ))

    async def list(
        self, request: claim_mapping_pb2.ListClaimMappingsRequest, caller: Caller
    ) -> claim_mapping_pb2.ListClaimMappingsResponse:
        """ListClaimMappings returns the mappings into the caller's subtree."""
        organization = caller.resource.organization
        query = _MAPPINGS.query(
            request, self._page_tokens, organization,
            Condition("p.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member=None, group_path="g.path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return claim_mapping_pb2.ListClaimMappingsResponse(
            claim_mappings=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(self, request: claim_mapping_pb2.CreateClaimMappingRequest, change: Change) -> ClaimMapping:
        """CreateClaimMapping stores a mapping."""
        connection, caller, wanted = change.connection, change.caller, request.claim_mapping
        organization = caller.resource.organization
        await refuse_in_personal_account(connection, organization)
        place = await granted_place(change.connection, change.caller, role_of(wanted.role), wanted.group, _WRITE)
        if not self._issuers.let_map(wanted.issuer, organization):
            raise _not_open(wanted.issuer)
        if await store.count_mappings(connection, organization) >= MAX_MAPPINGS:
            message = f"An organization has at most {MAX_MAPPINGS} claim mappings. Delete one that is no longer needed."
            reason, metadata = ErrorReason.CLAIM_MAPPING_LIMIT_REACHED, {"limit": str(MAX_MAPPINGS)}
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata)
        name = ResourceName(organization, CLAIM_MAPPINGS, self._make_id("claim"))
        source = (wanted.issuer, wanted.claim or _DEFAULT_CLAIM, wanted.value)
        gives = Holding(role_of(wanted.role), place.group)
        if not await store.add_mapping(connection, organization, str(name.resource_id), source, gives, caller.user):
            raise already_exists(f"A mapping of {source[1]} {wanted.value!r}")
        row = await store.get_mapping(connection, organization, str(name.resource_id))
        if row is None:
            raise AssertionError("a mapping that was stored is found")
        change.record(name, None, _message(row), group_path=place.path)
        return _message(row)

    async def delete(self, _request: claim_mapping_pb2.DeleteClaimMappingRequest, change: Change) -> ClaimMapping:
        """DeleteClaimMapping deletes a mapping."""
        row = await _existing(change.connection, change.caller, _WRITE)
        await store.delete_mapping(change.connection, row.organization, row.mapping)
        change.record(change.caller.resource, _message(row), None, group_path=row.group_path)
        return _message(row)


def _check_new(request: claim_mapping_pb2.CreateClaimMappingRequest) -> Iterable[FieldViolation]:
    wanted = request.claim_mapping
    if wanted.claim in UNUSABLE:
        yield FieldViolation("claim_mapping.claim", "must be a claim that only the identity provider chooses")
    for field in ("issuer", "claim", "value"):
        if not getattr(wanted, field).isprintable():
            yield FieldViolation(f"claim_mapping.{field}", "must not contain control characters")


async def _existing(connection: Connection, caller: Caller, permission: Permission) -> MappingRow:
    row = await store.get_mapping(connection, caller.resource.organization, str(caller.resource.resource_id))
    if row is None:
        raise permission_denied(permission, str(caller.resource))
    return row


def _not_open(issuer: str) -> AdminError:
    message = (
        f"This organization cannot map claims of {issuer}. Ask an operator to add the organization to `organizations` of this"
        " identity provider."
    )
    metadata = {"issuer": issuer}
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CLAIMS_NOT_OPEN, message, metadata)


def _message(row: MappingRow) -> ClaimMapping:
    return ClaimMapping(
        name=str(ResourceName(row.organization, CLAIM_MAPPINGS, row.mapping)),
        issuer=row.issuer,
        claim=row.claim,
        value=row.value,
        role=role_value(Role(row.role)),
        group=str(ResourceName(row.organization, GROUPS, row.group)) if row.group else "",
        creator=str(UserResourceName(row.creator)),
        create_time=timestamp(row.create_time),
        group_display_name=row.group_display_name,
    )
