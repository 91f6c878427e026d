"""Serves `megarouter.admin.v1.ServiceAccounts`. This module reads; `changes` changes service accounts."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import service_account_pb2
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target, TargetKind, Visibility, visibility
from admin_service.access.tree_places import MAX_SHOWN, find_place
from admin_service.api.errors import permission_denied
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.service_accounts import store
from admin_service.resources.service_accounts.changes import ServiceAccountChanges
from admin_service.resources.service_accounts.messages import (
    STATES_BY_NAME,
    check_create,
    check_list,
    service_account_message,
)
from admin_service.resources.service_accounts.store import ServiceAccountRow
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_READ: Final = Permission.SERVICE_ACCOUNTS_READ
_SERVICE_ACCOUNTS: Final = Listing(
    columns=store.SERVICE_ACCOUNT_COLUMNS,
    source=store.SERVICE_ACCOUNT_SOURCE,
    make=ServiceAccountRow,
    permission=_READ,
    orders={
        "name": SortColumn("m.member_id"),
        "create_time": SortColumn("m.create_time", "timestamptz"),
        "spent_nano_credits": SortColumn("b.spent_nano_credits", "bigint"),
        "key_count": SortColumn("coalesce(c.key_count, 0)", "bigint"),
    },
    unique=SortColumn("m.member_id"),
    default_order="name",
    fields={
        "name": NameField("m.member_id", "organizations/{organization}/serviceAccounts/{id}"),
        "display_name": TextField("m.display_name"),
        "state": EnumField("m.state", STATES_BY_NAME, "STATE_"),
        "group": NameField("m.group_id", "organizations/{organization}/groups/{id}"),
        "create_time": TimeField("m.create_time"),
        "update_time": TimeField("m.update_time"),
    },
    searched=("m.display_name",),
)
_FULL_SERVICE_ACCOUNTS: Final = dataclasses.replace(
    _SERVICE_ACCOUNTS, columns=store.FULL_SERVICE_ACCOUNT_COLUMNS, source=store.FULL_SERVICE_ACCOUNT_SOURCE
)
_BY_SPEND: Final = dataclasses.replace(_FULL_SERVICE_ACCOUNTS, source=store.SERVICE_ACCOUNTS_BY_SPEND_SOURCE)
_BY_KEYS: Final = dataclasses.replace(_FULL_SERVICE_ACCOUNTS, source=store.SERVICE_ACCOUNTS_BY_KEYS_SOURCE)


class ServiceAccountsApi:
    """The service accounts of organizations."""

    service = service_account_pb2.DESCRIPTOR.services_by_name["ServiceAccounts"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetServiceAccount": self.get, "ListServiceAccounts": self.list}
        self.changes: Mapping[str, MakeChange] = ServiceAccountChanges(make_id).by_rpc
        self.rules: Mapping[str, Rule] = {"CreateServiceAccount": check_create, "ListServiceAccounts": check_list}

    async def get(self, request: service_account_pb2.GetServiceAccountRequest, caller: Caller) -> ServiceAccount:
        """GetServiceAccount returns one service account."""
        name = caller.resource
        async with acting_for(self._pool, name.organization) as connection:
            row = await store.get_service_account(connection, name.organization, str(name.resource_id))
        if row is None:
            raise permission_denied(_READ, str(name))
        is_full = request.view != service_account_pb2.SERVICE_ACCOUNT_VIEW_BASIC
        return service_account_message(row, full=is_full, named=True)

    async def list(
        self, request: service_account_pb2.ListServiceAccountsRequest, caller: Caller
    ) -> service_account_pb2.ListServiceAccountsResponse:
        """ListServiceAccounts returns the service accounts that the caller may see."""
        organization = caller.resource.organization
        full = request.view == service_account_pb2.SERVICE_ACCOUNT_VIEW_FULL
        async with acting_for(self._pool, organization) as connection:
            group_path = await _group_path(connection, request.group, caller)
            query = _listing(request.order_by, full=full).query(
                request, self._page_tokens, organization,
                Condition("m.organization_id = {}", organization),
                Condition(store.IS_SERVICE_ACCOUNT),
                Condition("true" if request.show_deleted else "m.state <> 'REMOVED'"),
                *_whose(visibility(caller.actor), group_path, with_descendants=request.with_descendants),
            )  # fmt: skip
            page = await query.read(connection)
        return service_account_pb2.ListServiceAccountsResponse(
            service_accounts=[service_account_message(row, full=full, named=True) for row in page.rows],
            next_page_token=page.next_page_token,
        )


def _listing(order_by: str, *, full: bool) -> Listing[ServiceAccountRow]:
    """Returns the list whose source has the columns of the order."""
    if "key_count" in order_by:
        return _BY_KEYS
    if "spent_nano_credits" in order_by:
        return _BY_SPEND
    return _FULL_SERVICE_ACCOUNTS if full else _SERVICE_ACCOUNTS


async def _group_path(connection: Connection, group: str, caller: Caller) -> tuple[str, ...]:
    """Returns the path of the group that the list is restricted to; empty for all groups."""
    if not group:
        return ()
    organization = caller.resource.organization
    place = await find_place(connection, organization, group, _READ)
    caller.require(_READ, Target(organization, TargetKind.GROUP, place.path), group[:MAX_SHOWN])
    return place.path


def _whose(visible: Visibility, group_path: tuple[str, ...], *, with_descendants: bool) -> Iterable[Condition]:
    """Yields the conditions on rows: those that the caller sees, restricted to the group.

    If the group is in the caller's subtree, the restriction is enough.
    """
    own = visible.group_path
    if not group_path or own is None or group_path[: len(own)] != own:
        yield visible_rows(visible, member=None, group_path="m.group_path")
    if group_path and with_descendants:
        yield Condition(f"m.group_path[{len(group_path)}] = {{}}", group_path[-1])
    elif group_path:
        yield Condition("m.group_id = {}", group_path[-1])
