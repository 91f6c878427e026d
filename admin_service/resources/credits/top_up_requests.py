"""Serves the RPCs about top-up requests: those of an organization in `Credits`, and of all organizations in `Operators`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import credit_pb2, operator_pb2
from megarouter.admin.v1.credit_pb2 import TopUpRequest
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, OperatorCaller
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.names import ResourceName
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.credits.messages import request_message
from admin_service.resources.credits.posting import post_once, request_id_reused
from admin_service.resources.credits.request_store import (
    COLUMNS,
    TopUpRequestRow,
    add_request,
    count_pending,
    decide,
    find_request,
    get_request,
)
from admin_service.serving.change_transaction import Change
from gateway_core.model.ledger.transfers import Transfer, top_up
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_PENDING: Final = 20
"""Requests of an organization that may wait for a decision."""

_OF_ONE: Final = Listing(
    columns=COLUMNS,
    source="top_up_requests r",
    make=TopUpRequestRow,
    permission=Permission.CREDITS_READ,
    orders={"name": SortColumn("r.top_up_request_id")},
    unique=SortColumn("r.top_up_request_id"),
    default_order="name desc",  # ids increase with time
    fields={
        "state": EnumField.of("r.state", ("PENDING", "APPROVED", "REJECTED"), "STATE_"),
        "user": NameField("r.user_id", "users/{id}"),
        "reason": TextField("r.reason"),
        "create_time": TimeField("r.create_time"),
        "amount_nano_credits": IntegerField("r.amount_nano_credits"),
    },
    searched=("r.reason",),
)
# Reads across organizations: see `top_up_requests_beyond` in the schema.
_OF_ALL: Final = replace(
    _OF_ONE,
    source="",
    page_source="top_up_requests_beyond({last}, {most}, {descending})",
    permission=Permission.OPERATORS_READ,
    fields={"organization": NameField("r.organization_id", "organizations/{id}"), **_OF_ONE.fields},
)


class TopUpRequests:
    """Requests for credit beyond the line."""

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        """Prepares the handlers. `make_id` returns a new id with a prefix."""
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id

    async def get(self, _request: credit_pb2.GetTopUpRequestRequest, caller: Caller) -> TopUpRequest:
        """GetTopUpRequest returns one request."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return request_message(await _existing(connection, caller.resource, Permission.CREDITS_READ))

    async def list(
        self, request: credit_pb2.ListTopUpRequestsRequest, caller: Caller
    ) -> credit_pb2.ListTopUpRequestsResponse:
        """ListTopUpRequests returns the organization's requests."""
        organization = caller.resource.organization
        own = Condition("r.organization_id = {}", organization)
        query = _OF_ONE.query(request, self._page_tokens, organization, own)
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return credit_pb2.ListTopUpRequestsResponse(
            top_up_requests=map(request_message, page.rows), next_page_token=page.next_page_token
        )

    async def search(
        self, request: operator_pb2.SearchTopUpRequestsRequest, _caller: OperatorCaller
    ) -> operator_pb2.SearchTopUpRequestsResponse:
        """SearchTopUpRequests returns the requests of all organizations."""
        query = _OF_ALL.query(request, self._page_tokens, "")
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return operator_pb2.SearchTopUpRequestsResponse(
            top_up_requests=map(request_message, page.rows), next_page_token=page.next_page_token
        )

    async def made_before(self, connection: Connection, organization: str, transfer: Transfer) -> TopUpRequest | None:
        """Returns the request that an earlier call made instead of the transfer, or None.

        Raises:
            AdminError: REQUEST_ID_REUSED, the earlier call asked for something else.
        """
        row = await find_request(connection, organization, transfer)
        if row and (row.amount_nano_credits, row.reason) != (transfer.amount_nano_credits, transfer.reason):
            raise request_id_reused()
        return request_message(row) if row else None

    async def make(self, transfer: Transfer, change: Change) -> TopUpRequest:
        """Makes a request instead of the transfer.

        Raises:
            AdminError: TOP_UP_REQUEST_LIMIT_REACHED.
        """
        caller: Caller = change.caller
        organization = caller.resource.organization
        if await count_pending(change.connection, organization) >= MAX_PENDING:
            message = f"{MAX_PENDING} top-up requests wait for an operator. Ask an operator to decide them first."
            reason = ErrorReason.TOP_UP_REQUEST_LIMIT_REACHED
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, {"limit": str(MAX_PENDING)})
        row = await add_request(change.connection, organization, self._make_id("topup"), caller.user, transfer)
        made = request_message(row)
        change.record(made.name, None, made, group_path=change.own_group_path)
        return made

    async def approve(self, request: operator_pb2.ApproveTopUpRequestRequest, change: Change) -> TopUpRequest:
        """ApproveTopUpRequest adds the requested credit, once."""
        before, row = await _decided("APPROVED", request.reason, change)
        if before != row:
            transfer = top_up(
                row.amount_nano_credits,
                idempotency_key=f"top-up-request:{row.top_up_request}",
                actor=f"users/{row.user}",
                reason=row.reason,
            )
            await post_once(transfer, change)
        return request_message(row)

    async def reject(self, request: operator_pb2.RejectTopUpRequestRequest, change: Change) -> TopUpRequest:
        """RejectTopUpRequest closes the request without credit."""
        _, row = await _decided("REJECTED", request.reason, change)
        return request_message(row)


async def _decided(state: str, reason: str, change: Change) -> tuple[TopUpRequestRow, TopUpRequestRow]:
    """Decides the named request, and returns it before and after. The organization is locked, so decisions do not race.

    Raises:
        AdminError: STATE_UNSUITABLE, it was decided otherwise.
    """
    caller: OperatorCaller = change.caller
    before = await _existing(change.connection, caller.named, Permission.OPERATORS_WRITE)
    if before.state == state:
        return before, before
    if before.state != "PENDING":
        message = f"The request is {before.state.lower()}. A decision is final."
        metadata = {"state": before.state}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
    after = await decide(change.connection, before, state=state, decider=caller.user, reason=reason)
    change.record(caller.named, request_message(before), request_message(after))
    return before, after


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> TopUpRequestRow:
    row = await get_request(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row
