"""Serves `megarouter.admin.v1.MemberAccessTokens`: the tokens of members, for the admins above them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg
from megarouter.admin.v1 import member_access_token_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken
from megarouter.admin.v1.member_access_token_pb2 import MemberAccessToken

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.errors import permission_denied
from admin_service.api.names import ACCESS_TOKENS, MEMBERS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.access_tokens.store import STATE, revoke_access_token
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_COLUMNS: Final = f"""
m.organization_id, t.access_token_id, m.member_id, coalesce(nullif(u.display_name, ''), u.email, ''), t.user_id, t.display_name,
t.only_organization_id IS NOT NULL, t.permissions, t.expire_time, ({STATE}), t.obfuscated_token, t.create_time, t.revoke_time,
t.issuer, m.group_path
"""
# A token that is valid in another organization only does not reach this one.
_SOURCE: Final = """
members m JOIN users u ON u.user_id = m.user_id
JOIN access_tokens t ON t.user_id = m.user_id AND coalesce(t.only_organization_id, m.organization_id) = m.organization_id
"""
_GET: Final = f"""
SELECT {_COLUMNS} FROM {_SOURCE} WHERE m.organization_id = $1 AND t.access_token_id = $2 AND m.state <> 'REMOVED'
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Row:
    organization: str
    access_token: str
    member: str
    member_name: str
    user: str
    display_name: str
    is_for_organization: bool
    permissions: list[str] | None
    expire_time: dt.datetime
    state: str
    obfuscated_token: str
    create_time: dt.datetime
    revoke_time: dt.datetime | None
    issuer: str
    group_path: list[str]


_TOKENS: Final = Listing(
    columns=_COLUMNS,
    source=_SOURCE,
    make=_Row,
    permission=Permission.MEMBER_ACCESS_TOKENS_READ,
    orders={"member": SortColumn("m.member_id")},
    unique=SortColumn("t.access_token_id"),
    default_order="member",
    is_joined=True,
    fields={
        "member": NameField("m.member_id", "organizations/{organization}/members/{id}"),
        "display_name": TextField("t.display_name"),
        "state": EnumField.of(STATE, ("ACTIVE", "EXPIRED", "REVOKED"), "STATE_"),
        "issuer": TextField("t.issuer"),
        "expire_time": TimeField("t.expire_time"),
        "create_time": TimeField("t.create_time"),
    },
    searched=("t.display_name", "u.display_name"),
)


class MemberAccessTokensApi:
    """The access tokens of the members of an organization."""

    service = member_access_token_pb2.DESCRIPTOR.services_by_name["MemberAccessTokens"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetMemberAccessToken": self.get, "ListMemberAccessTokens": self.list}
        self.changes: Mapping[str, MakeChange] = {"RevokeMemberAccessToken": self.revoke}
        self.rules: Mapping[str, Rule] = {}

    async def get(
        self, _request: member_access_token_pb2.GetMemberAccessTokenRequest, caller: Caller
    ) -> MemberAccessToken:
        """GetMemberAccessToken returns one token."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return _message(await _existing(connection, caller.resource, Permission.MEMBER_ACCESS_TOKENS_READ))

    async def list(
        self, request: member_access_token_pb2.ListMemberAccessTokensRequest, caller: Caller
    ) -> member_access_token_pb2.ListMemberAccessTokensResponse:
        """ListMemberAccessTokens returns the tokens of the members in the caller's subtree."""
        organization = caller.resource.organization
        query = _TOKENS.query(
            request, self._page_tokens, organization,
            # Every member with tokens is a person: the indexes of members are of persons.
            Condition("m.organization_id = {} AND m.state <> 'REMOVED' AND m.user_id IS NOT NULL", organization),
            visible_rows(visibility(caller.actor), member="m.member_id", group_path="m.group_path"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return member_access_token_pb2.ListMemberAccessTokensResponse(
            member_access_tokens=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def revoke(
        self, _request: member_access_token_pb2.RevokeMemberAccessTokenRequest, change: Change
    ) -> MemberAccessToken:
        """RevokeMemberAccessToken revokes a token. Revoking it again changes nothing."""
        name = change.caller.resource
        row = await _existing(change.connection, name, Permission.MEMBER_ACCESS_TOKENS_WRITE)
        if row.revoke_time is not None:
            return _message(row)
        await revoke_access_token(change.connection, row.user, row.access_token)
        after = await _existing(change.connection, name, Permission.MEMBER_ACCESS_TOKENS_WRITE)
        change.record(name, _message(row), _message(after), group_path=row.group_path)
        return _message(after)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> _Row:
    row = await connection.fetchrow(_GET, name.organization, name.resource_id)
    if row is None:
        raise permission_denied(permission, str(name))
    return _Row(*row)


def _message(row: _Row) -> MemberAccessToken:
    return MemberAccessToken(
        name=str(ResourceName(row.organization, ACCESS_TOKENS, row.access_token)),
        member=str(ResourceName(row.organization, MEMBERS, row.member)),
        member_display_name=row.member_name,
        display_name=row.display_name,
        is_for_organization=row.is_for_organization,
        permissions=[f"PERMISSION_{Permission(value).name}" for value in row.permissions or ()],  # type: ignore[misc] # protobuf accepts names
        expire_time=timestamp(row.expire_time),
        state=AccessToken.State.Value(f"STATE_{row.state}"),
        obfuscated_token=row.obfuscated_token,
        create_time=timestamp(row.create_time),
        revoke_time=timestamp(row.revoke_time) if row.revoke_time else None,
        issuer=row.issuer,
    )
