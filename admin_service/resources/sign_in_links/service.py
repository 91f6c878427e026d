"""Serves `megarouter.admin.v1.SignInLinks`. This module reads; `changes` makes, revokes and exchanges links."""

from collections.abc import Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import sign_in_link_pb2
from megarouter.admin.v1.sign_in_link_pb2 import SignInLink

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.errors import permission_denied
from admin_service.listing.filter_sql import EnumField, NameField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.sign_in_links import store
from admin_service.resources.sign_in_links.changes import SignInLinkMaker, revoke
from admin_service.resources.sign_in_links.messages import link_message
from admin_service.resources.sign_in_links.new_members import check_create
from admin_service.resources.sign_in_links.store import SignInLinkRow
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

_LINKS: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=SignInLinkRow,
    permission=Permission.SIGN_IN_LINKS_READ,
    orders={"name": SortColumn("l.sign_in_link_id")},
    unique=SortColumn("l.sign_in_link_id"),
    default_order="name",
    fields={
        "member": NameField("l.member_id", "organizations/{organization}/members/{id}"),
        "state": EnumField.of(store.STATE, ("PENDING", "USED", "REVOKED", "EXPIRED"), "STATE_"),
        "expire_time": TimeField("l.expire_time"),
        "create_time": TimeField("l.create_time"),
    },
    searched=("u.display_name",),
)


class SignInLinksApi:
    """The sign-in links of organizations."""

    service = sign_in_link_pb2.DESCRIPTOR.services_by_name["SignInLinks"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, maker: SignInLinkMaker) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetSignInLink": self.get, "ListSignInLinks": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateSignInLink": maker.create,
            "RevokeSignInLink": revoke,
            "ExchangeSignInLink": maker.exchange,
        }
        self.rules: Mapping[str, Rule] = {"CreateSignInLink": check_create}

    async def get(self, _request: sign_in_link_pb2.GetSignInLinkRequest, caller: Caller) -> SignInLink:
        """GetSignInLink returns one link, without its secret."""
        name = caller.resource
        async with acting_for(self._pool, name.organization) as connection:
            row = await store.get_link(connection, name.organization, str(name.resource_id))
        if row is None:
            raise permission_denied(Permission.SIGN_IN_LINKS_READ, str(name))
        return link_message(row)

    async def list(
        self, request: sign_in_link_pb2.ListSignInLinksRequest, caller: Caller
    ) -> sign_in_link_pb2.ListSignInLinksResponse:
        """ListSignInLinks returns the links for the members of the caller's subtree."""
        organization = caller.resource.organization
        query = _LINKS.query(
            request, self._page_tokens, organization,
            Condition("l.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member="m.member_id", group_path="m.group_path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return sign_in_link_pb2.ListSignInLinksResponse(
            sign_in_links=map(link_message, page.rows), next_page_token=page.next_page_token
        )
