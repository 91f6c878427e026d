"""Serves `megarouter.admin.v1.ApiKeys`. This module reads; `changes` has the RPCs that change keys."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey

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
from admin_service.resources.api_keys import store
from admin_service.resources.api_keys.changes import ApiKeyChanges, KeyMaker
from admin_service.resources.api_keys.messages import (
    api_key_message,
    check_key,
    check_list,
    check_rotation,
    check_transfer,
)
from admin_service.resources.api_keys.store import ApiKeyRow
from admin_service.resources.api_keys.transfers import ApiKeyTransfers
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_KEYS: Final = Listing(
    columns=store.API_KEY_COLUMNS,
    source=store.API_KEY_SOURCE,
    make=ApiKeyRow,
    permission=Permission.API_KEYS_READ,
    orders={
        "name": SortColumn("k.api_key_id"),
        "create_time": SortColumn("k.create_time", "timestamptz"),
        "last_use_time": SortColumn("coalesce(l.last_use_time, 'epoch')", "timestamptz"),
        "spent_nano_credits": SortColumn("u.spent_nano_credits", "bigint"),
        "call_count": SortColumn("u.call_count", "bigint"),
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
        "last_use_time": TimeField(store.API_KEY_LAST_USE),
    },
    searched=("k.display_name", "k.obfuscated_key"),
)
_FULL_KEYS: Final = dataclasses.replace(_KEYS, columns=store.FULL_API_KEY_COLUMNS, source=store.FULL_API_KEY_SOURCE)


_BY_USE: Final = dataclasses.replace(_FULL_KEYS, source=store.API_KEYS_BY_USE_SOURCE)
_BY_SPEND: Final = dataclasses.replace(
    _KEYS, columns=store.API_KEY_BY_SPEND_COLUMNS, source=store.API_KEYS_BY_SPEND_SOURCE
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
            "ListApiKeys": check_list,
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
            group_path = await _group_path(connection, request.group, caller)
            query = _listing(request.order_by, full=full).query(
                request, self._page_tokens, organization,
                Condition("k.organization_id = {}", organization),
                Condition("true" if request.show_deleted else "k.state <> 'DELETED'"),
                *_whose(visibility(caller.actor), group_path, with_descendants=request.with_descendants),
            )  # fmt: skip
            page = await query.read(connection)
        return api_key_pb2.ListApiKeysResponse(
            api_keys=[api_key_message(row, full=full) for row in page.rows], next_page_token=page.next_page_token
        )


def _listing(order_by: str, *, full: bool) -> Listing[ApiKeyRow]:
    """Returns the list whose source has the columns of the order."""
    if "last_use_time" in order_by:
        return _BY_USE
    if "spent_nano_credits" in order_by or "call_count" in order_by:
        return _BY_SPEND
    return _FULL_KEYS if full else _KEYS


async def _group_path(connection: Connection, group: str, caller: Caller) -> tuple[str, ...]:
    """Returns the path of the group that the list is restricted to; empty for all groups."""
    if not group:
        return ()
    organization = caller.resource.organization
    place = await find_place(connection, organization, group, Permission.API_KEYS_READ)
    caller.require(Permission.API_KEYS_READ, Target(organization, TargetKind.GROUP, place.path), group[:MAX_SHOWN])
    return place.path


def _whose(visible: Visibility, group_path: tuple[str, ...], *, with_descendants: bool) -> Iterable[Condition]:
    """Yields the conditions on owners: the rows that the caller sees, restricted to the group.

    If the group is in the caller's subtree, the restriction to the group is enough.
    """
    own = visible.group_path
    if not group_path or own is None or group_path[: len(own)] != own:
        yield visible_rows(visible, member="k.member_id", group_path="k.group_path")
    if group_path:
        yield Condition(f"k.group_path[{len(group_path)}] = {{}}", group_path[-1])
    if group_path and not with_descendants:
        yield Condition(f"cardinality(k.group_path) = {len(group_path)}")
