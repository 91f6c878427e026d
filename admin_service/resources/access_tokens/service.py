"""Serves `megarouter.admin.v1.AccessTokens`.

A token never grants more than the credential that creates it: it has at most the same permissions and the same organization, and it
expires at the same time or earlier. A stolen token therefore cannot create a stronger one.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import access_token_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken
from megarouter.type.v1 import permission_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Asked, UserCaller, own_organization
from admin_service.access.directory import Membership, memberships_of
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, permission_denied, unauthenticated
from admin_service.api.names import ACCESS_TOKENS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.access_tokens.lives import TokenLives, carries_super_admin, ends_of
from admin_service.resources.access_tokens.store import (
    COLUMNS,
    STATE,
    AccessTokenRow,
    NewAccessToken,
    add_access_token,
    get_access_token,
    revoke_access_token,
)
from admin_service.resources.organizations.personal import PersonalAccounts
from admin_service.serving.audit_entries import Author, json_text
from admin_service.serving.change_transaction import Change, MakeChange, RecordRefusal
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, SECRET_BYTES, hash_secret
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for

_PREFIX: Final = "PERMISSION_"
_MAX_NAME: Final = 200

_TOKENS: Final = Listing(
    columns=COLUMNS,
    source="access_tokens t",
    make=AccessTokenRow,
    permission=Permission.ACCESS_TOKENS_READ,
    orders={"name": SortColumn("t.access_token_id"), "create_time": SortColumn("t.create_time", "timestamptz")},
    unique=SortColumn("t.access_token_id"),
    default_order="name",
    fields={
        "display_name": TextField("t.display_name"),
        "state": EnumField.of(STATE, ("ACTIVE", "EXPIRED", "REVOKED"), "STATE_"),
        "expire_time": TimeField("t.expire_time"),
        "create_time": TimeField("t.create_time"),
    },
    searched=("t.display_name",),
)


class AccessTokensApi:
    """The calling user's own tokens."""

    service = access_token_pb2.DESCRIPTOR.services_by_name["AccessTokens"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        personal_accounts: PersonalAccounts,
        pepper: bytes,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        lives: TokenLives,
    ) -> None:
        self._lives = lives
        self._pool = pool
        self._page_tokens = page_tokens
        self._personal_accounts = personal_accounts
        self._pepper = pepper
        self._make_id = make_id
        self._random_bytes = random_bytes
        self.handlers: Mapping[str, Handle] = {"GetAccessToken": self.get, "ListAccessTokens": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateAccessToken": self.create,
            "RevokeAccessToken": self.revoke,
            "RevokeCurrentAccessToken": self.revoke_current,
        }
        self.rules: Mapping[str, Rule] = {"CreateAccessToken": _check_new}
        self.refusals: Mapping[str, RecordRefusal] = {"CreateAccessToken": _record_refusal}

    async def get(self, _request: access_token_pb2.GetAccessTokenRequest, caller: UserCaller) -> AccessToken:
        """GetAccessToken returns one of the caller's tokens, without its secret."""
        async with self._pool.acquire() as connection:
            return _message(await _visible(connection, caller, Permission.ACCESS_TOKENS_READ))

    async def list(
        self, request: access_token_pb2.ListAccessTokensRequest, caller: UserCaller
    ) -> access_token_pb2.ListAccessTokensResponse:
        """ListAccessTokens returns those of the caller's tokens that are not stronger than the credential of the call."""
        carried = _values(caller.grant.permissions)
        query = _TOKENS.query(
            request, self._page_tokens, "",
            Condition("t.user_id = {}", caller.user),
            # A token with all permissions has NULL here, so a credential with fewer does not list it.
            Condition("true") if carried is None else Condition("t.permissions <@ {}", carried),
        )  # fmt: skip
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return access_token_pb2.ListAccessTokensResponse(
            access_tokens=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(
        self, request: access_token_pb2.CreateAccessTokenRequest, change: Change
    ) -> access_token_pb2.CreateAccessTokenResponse:
        """CreateAccessToken returns the new token with its secret. A repeated request gets no secret."""
        caller: UserCaller = change.caller
        wanted = request.access_token
        secret = ACCESS_TOKEN.make(self._random_bytes(SECRET_BYTES))
        name = str(UserResourceName(caller.user, ACCESS_TOKENS, self._make_id("token")))
        organization = (
            await own_organization(change.connection, caller, wanted.organization, Permission.ACCESS_TOKENS_WRITE)
            if wanted.organization
            else None
        )
        permissions = _permissions(caller, wanted.permissions)
        reached = await reached_by(change.connection, caller.user, organization)
        is_strong = carries_super_admin(caller.grant, reached, organization, permissions)
        ends = await ends_of(change.connection, caller, wanted, self._lives, is_strong=is_strong)
        new = NewAccessToken(
            user=caller.user,
            access_token=name.rpartition("/")[2],
            secret_hash=hash_secret(secret, self._pepper),
            display_name=wanted.display_name,
            obfuscated_token=ACCESS_TOKEN.obfuscated(secret),
            organization=organization,
            permissions=permissions,
            expire_time=ends.expire_time,
            may_operate=caller.grant.is_operator,
            issuer=caller.grant.issuer,
            super_admin_end_time=ends.super_admin_end_time,
        )
        made = _message(await add_access_token(change.connection, new))
        await self._record(change, organization, None, made)
        change.repeat_answer = access_token_pb2.CreateAccessTokenResponse(access_token=made, secret_already_issued=True)
        return access_token_pb2.CreateAccessTokenResponse(access_token=made, secret=secret)

    async def revoke(self, _request: access_token_pb2.RevokeAccessTokenRequest, change: Change) -> AccessToken:
        """RevokeAccessToken revokes a token. Revoking it again changes nothing."""
        caller: UserCaller = change.caller
        row = await _visible(change.connection, caller, Permission.ACCESS_TOKENS_WRITE)
        before = _message(row)
        if row.revoke_time is not None:
            return before
        after = _message(await revoke_access_token(change.connection, row.user, row.access_token))
        await self._record(change, row.organization, before, after)
        return after

    async def revoke_current(
        self, _request: access_token_pb2.RevokeCurrentAccessTokenRequest, change: Change
    ) -> AccessToken:
        """RevokeCurrentAccessToken revokes the token of the call. Of two concurrent calls, the second changes nothing."""
        caller: UserCaller = change.caller
        if caller.grant.access_token is None:
            message = "The token of this call is no access token. Sign out at the identity provider that issued it."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.NOT_AN_ACCESS_TOKEN, message)
        row = await get_access_token(change.connection, caller.user, caller.grant.access_token)
        if row is None:
            raise unauthenticated()
        before = _message(row)
        if row.revoke_time is not None:
            return before
        after = _message(await revoke_access_token(change.connection, row.user, row.access_token))
        await self._record(change, row.organization, before, after)
        return after

    async def _record(
        self, change: Change, organization: str | None, before: AccessToken | None, after: AccessToken
    ) -> None:
        """Records a change in the personal account and in every organization that the token is valid in."""
        user = change.caller.user
        personal = await self._personal_accounts.enter(change.connection, user)
        change.record(after.name, before, after, organization=personal)
        reached = [
            place for place in await reached_by(change.connection, user, organization) if place.kind != "PERSONAL"
        ]
        await act_for(change.connection, [personal, *(place.organization for place in reached)])
        for place in reached:
            change.record(after.name, before, after, group_path=place.group_path, membership=place)


async def _record_refusal(asked: Asked, connection: Connection, reason: str) -> None:
    """Records a refused creation in the organizations where the credential of the call is valid."""
    wanted: AccessToken = asked.request.access_token  # type: ignore[attr-defined] # CreateAccessTokenRequest
    # The request may not have been validated.
    name = "".join(filter(str.isprintable, wanted.display_name[:_MAX_NAME]))
    author, grant = Author.of_refused(asked), asked.grant
    parent = str(UserResourceName(grant.user))
    reached = await reached_by(connection, grant.user, grant.organization)
    organizations = {place.organization: author.as_member(place) for place in reached}
    if grant.credential and grant.organization:
        organizations[grant.organization] = author
    paths = {place.organization: place.group_path for place in reached}
    await act_for(connection, organizations)
    for organization, own in organizations.items():
        await own.write(
            connection,
            organization,
            parent,
            None,
            json_text({"displayName": name}),
            paths.get(organization, ()),
            refusal=reason,
        )


async def reached_by(connection: Connection, user: str, organization: str | None) -> list[Membership]:
    """Returns where a token of the user is valid, whichever organizations the transaction acts for.

    Args:
        connection: in a transaction.
        user: id.
        organization: the only one for which it is valid; None for all.
    """
    places = await memberships_of(connection, user)
    return [one for one in places if one.state == "ACTIVE" and organization in {None, one.organization}]


def _check_new(request: access_token_pb2.CreateAccessTokenRequest) -> Iterable[FieldViolation]:
    wanted = request.access_token
    if permission_pb2.PERMISSION_UNSPECIFIED in wanted.permissions:
        yield FieldViolation("access_token.permissions", "must not name PERMISSION_UNSPECIFIED")
    if wanted.HasField("expire_time"):
        try:
            wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            yield FieldViolation("access_token.expire_time", "must be between the years 1 and 9999")


async def _visible(connection: Connection, caller: UserCaller, permission: Permission) -> AccessTokenRow:
    """Returns the named token, unless it is stronger than the caller's credential.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether the token is stronger or does not exist.
    """
    row = await get_access_token(connection, caller.user, str(caller.resource.resource_id))
    carried = _values(caller.grant.permissions)
    if row is None or not (carried is None or (row.permissions is not None and set(row.permissions) <= set(carried))):
        raise permission_denied(permission, str(caller.resource))
    return row


def _permissions(caller: UserCaller, wanted: Sequence[int]) -> Sequence[str] | None:
    """Returns the permissions of the new token; None for all.

    Raises:
        AdminError: PERMISSION_DENIED, the caller's credential does not carry one of them.
    """
    carried = caller.grant.permissions
    if not wanted:
        return _values(carried)
    chosen = {Permission[permission_pb2.Permission.Name(value).removeprefix(_PREFIX)] for value in wanted}  # type: ignore[arg-type] # an int
    for permission in sorted(chosen):
        if carried is not None and permission not in carried:
            raise permission_denied(permission, str(UserResourceName(caller.user)))
    return _values(chosen)


def _values(permissions: Iterable[Permission] | None) -> list[str] | None:
    return None if permissions is None else sorted(permission.value for permission in permissions)


def _message(row: AccessTokenRow) -> AccessToken:
    message = AccessToken(
        name=str(UserResourceName(row.user, ACCESS_TOKENS, row.access_token)),
        display_name=row.display_name,
        organization=str(ResourceName(row.organization)) if row.organization else "",
        permissions=[_PREFIX + Permission(value).name for value in row.permissions or ()],  # type: ignore[misc] # protobuf accepts names
        expire_time=timestamp(row.expire_time),
        state=_state(row),
        obfuscated_token=row.obfuscated_token,
        create_time=timestamp(row.create_time),
        issuer=row.issuer,
    )
    if row.revoke_time:
        message.revoke_time.CopyFrom(timestamp(row.revoke_time))
    return message


def _state(row: AccessTokenRow) -> AccessToken.State.ValueType:
    if row.revoke_time:
        return AccessToken.STATE_REVOKED
    return AccessToken.STATE_EXPIRED if row.is_expired else AccessToken.STATE_ACTIVE
