"""Serves `megarouter.admin.v1.ApiKeys`. This module reads; `changes` has the RPCs that change keys."""

import dataclasses
from collections.abc import Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey

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
from admin_service.resources.api_keys import store
from admin_service.resources.api_keys.changes import ApiKeyChanges, KeyMaker
from admin_service.resources.api_keys.messages import (
    api_key_message,
    check_key,
    check_rotation,
    check_transfer,
)
from admin_service.resources.api_keys.store import ApiKeyRow
from admin_service.resources.api_keys.transfers import ApiKeyTransfers
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

_KEYS: Final = Listing(
    columns=store.API_KEY_COLUMNS,
    source=store.API_KEY_SOURCE,
    make=ApiKeyRow,
    permission=Permission.API_KEYS_READ,
    orders={
        "name": SortColumn("k.api_key_id"),
        "create_time": SortColumn("k.create_time", "timestamptz"),
    },
    unique=SortColumn("k.api_key_id"),
    default_order="name",
    fields={
        "name": NameField("k.api_key_id", "organizations/{organization}/apiKeys/{id}"),
        "member": NameField("k.member_id", "organizations/{organization}/members/{id}"),
        "service_account": NameField("k.member_id", "organizations/{organization}/serviceAccounts/{id}"),
        "display_name": TextField("k.display_name"),
        "obfuscated_key": TextField("k.obfuscated_key"),
        "state": EnumField.of(store.API_KEY_STATE, ("ACTIVE", "DISABLED", "EXPIRED", "DELETED"), "STATE_"),
        "expire_time": TimeField("k.expire_time"),
        "create_time": TimeField("k.create_time"),
        "update_time": TimeField("k.update_time"),
        "last_use_time": TimeField(store.LAST_USE),
    },
    searched=("k.display_name", "k.obfuscated_key"),
)
_FULL_KEYS: Final = dataclasses.replace(
    _KEYS,
    columns=store.FULL_API_KEY_COLUMNS,
    source=store.FULL_API_KEY_SOURCE,
    source_of_filters=store.API_KEY_SOURCE,
)


class ApiKeysApi:
    """The keys of an organization's members."""

    service = api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, maker: KeyMaker) -> None:
        changes = ApiKeyChanges(maker)
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetApiKey": self.get,
            "ListApiKeys": self.list,
        }
        self.changes: Mapping[str, MakeChange] = {
            "BatchDisableApiKeys": changes.batch_disable,
            "CreateApiKey": changes.create,
            "DeleteApiKey": changes.delete,
            "DisableApiKey": changes.disable,
            "EnableApiKey": changes.enable,
            "RotateApiKey": changes.rotate,
            "TransferApiKey": ApiKeyTransfers(maker).transfer,
            "UpdateApiKey": changes.update,
        }
        self.rules: Mapping[str, Rule] = {
            "CreateApiKey": check_key,
            "ListApiKeys": check_subtree,
            "RotateApiKey": check_rotation,
            "TransferApiKey": check_transfer,
            "UpdateApiKey": check_key,
        }

    async def get(self, request: api_key_pb2.GetApiKeyRequest, caller: Caller) -> ApiKey:
        """GetApiKey returns one key."""
        organization, api_key = caller.resource.organization, str(caller.resource.resource_id)
        async with acting_for(self._pool, organization) as connection:
            row = await store.get_api_key(connection, organization, api_key)
        if row is None:
            raise permission_denied(Permission.API_KEYS_READ, str(caller.resource))
        return api_key_message(row, full=request.view != api_key_pb2.API_KEY_VIEW_BASIC)

    async def list(self, request: api_key_pb2.ListApiKeysRequest, caller: Caller) -> api_key_pb2.ListApiKeysResponse:
        """ListApiKeys returns the keys that the caller may see; deleted ones only on request."""
        organization = caller.resource.organization
        full = request.view == api_key_pb2.API_KEY_VIEW_FULL
        async with acting_for(self._pool, organization) as connection:
            group_path = await path_of_listed_group(connection, request.group, caller, Permission.API_KEYS_READ)
            ranked, visible = ranking_of(request.order_by, store.RANKINGS, _KEYS.orders), visibility(caller.actor)
            # A ranking does not know whose a key is.
            is_joined = visible.group_path is None
            whose = rows_in_group(
                visible,
                group_path,
                with_descendants=request.with_descendants,
                rows="t" if ranked and not is_joined else "k",
                member="k.member_id",
            )
            if ranked:
                scope = Scope(organization, list(whose), with_removed=request.show_deleted, is_joined=is_joined)
                query = await ranked_query(connection, _FULL_KEYS, ranked, request, self._page_tokens, scope)
            else:
                query = _listing(request.filter, full=full).query(
                    request, self._page_tokens, organization,
                    Condition("k.organization_id = {}", organization),
                    Condition("true" if request.show_deleted else "k.state <> 'DELETED'"),
                    *whose,
                )  # fmt: skip
            page = await query.read(connection)
        return api_key_pb2.ListApiKeysResponse(
            api_keys=[api_key_message(row, full=full) for row in page.rows], next_page_token=page.next_page_token
        )


def _listing(filter_text: str, *, full: bool) -> Listing[ApiKeyRow]:
    """Returns the list whose source has the columns of the filter."""
    listing = _FULL_KEYS if full else _KEYS
    if "last_use_time" in filter_text:
        return dataclasses.replace(listing, source=listing.source + store.LAST_USE_JOIN)
    return listing
