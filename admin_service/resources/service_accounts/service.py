"""Serves `megarouter.admin.v1.ServiceAccounts`. This module reads; `changes` changes service accounts."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import service_account_pb2
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.errors import permission_denied
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.rankings import Scope, ranked_query, ranking_of
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import check_subtree, path_of_listed_group, rows_in_group
from admin_service.resources.members.store import rankings_of_members
from admin_service.resources.service_accounts import store
from admin_service.resources.service_accounts.changes import ServiceAccountChanges
from admin_service.resources.service_accounts.messages import (
    STATES_BY_NAME,
    check_create,
    service_account_message,
)
from admin_service.resources.service_accounts.store import ServiceAccountRow
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
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
    _SERVICE_ACCOUNTS,
    columns=store.FULL_SERVICE_ACCOUNT_COLUMNS,
    source=store.FULL_SERVICE_ACCOUNT_SOURCE,
    source_of_filters=store.SERVICE_ACCOUNT_SOURCE,
)
_RANKINGS: Final = rankings_of_members("service_account")


class ServiceAccountsApi:
    """The service accounts of organizations."""

    service = service_account_pb2.DESCRIPTOR.services_by_name["ServiceAccounts"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetServiceAccount": self.get, "ListServiceAccounts": self.list}
        self.changes: Mapping[str, MakeChange] = ServiceAccountChanges(make_id).by_rpc
        self.rules: Mapping[str, Rule] = {"CreateServiceAccount": check_create, "ListServiceAccounts": check_subtree}

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
            group_path = await path_of_listed_group(connection, request.group, caller, _READ)
            ranked = ranking_of(request.order_by, _RANKINGS, _SERVICE_ACCOUNTS.orders)
            whose = rows_in_group(
                visibility(caller.actor),
                group_path,
                with_descendants=request.with_descendants,
                rows="t" if ranked else "m",
                member=None,
                group=None if ranked else "m.group_id",
            )
            if ranked:
                scope = Scope(organization, list(whose), with_removed=request.show_deleted)
                query = await ranked_query(
                    connection, _FULL_SERVICE_ACCOUNTS, ranked, request, self._page_tokens, scope
                )
            else:
                query = (_FULL_SERVICE_ACCOUNTS if full else _SERVICE_ACCOUNTS).query(
                    request, self._page_tokens, organization,
                    Condition("m.organization_id = {}", organization),
                    Condition(store.IS_SERVICE_ACCOUNT),
                    Condition("true" if request.show_deleted else "m.state <> 'REMOVED'"),
                    *whose,
                )  # fmt: skip
            page = await query.read(connection)
        return service_account_pb2.ListServiceAccountsResponse(
            service_accounts=[service_account_message(row, full=full, named=True) for row in page.rows],
            next_page_token=page.next_page_token,
        )
