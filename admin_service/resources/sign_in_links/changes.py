"""Makes sign-in links, and exchanges them for access tokens.

A link gives its maker the chance to sign in as the member. So its session is confined to the organization, never operates, and an
admin makes one only for a member of a lower role. The maker must still have that right when the link is exchanged.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

import grpc
from megarouter.admin.v1 import sign_in_link_pb2
from megarouter.admin.v1.operator_pb2 import IssueSignInLinkRequest, IssueSignInLinkResponse
from megarouter.admin.v1.sign_in_link_pb2 import CreateSignInLinkResponse, ExchangeSignInLinkResponse, SignInLink
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, OperatorCaller, UserCaller
from admin_service.access.directory import Membership
from admin_service.access.permissions import Actor, Permission, Role, Target, TargetKind, is_below, may
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import (
    AdminError,
    FieldViolation,
    invalid_fields,
    permission_denied,
    sign_in_link_invalid,
)
from admin_service.api.names import ACCESS_TOKENS, MEMBERS, ResourceName, parse_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.access_tokens.lives import TokenLives
from admin_service.resources.access_tokens.store import NewAccessToken, add_access_token, now_of
from admin_service.resources.invites.messages import invite_link
from admin_service.resources.members.store import MemberRow, get_members
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.resources.sign_in_links import store
from admin_service.resources.sign_in_links.messages import link_message, link_name
from admin_service.resources.sign_in_links.new_members import add_new_member
from admin_service.resources.sign_in_links.store import SignInLinkRow
from admin_service.serving.change_transaction import Change, organization_inactive
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, SECRET_BYTES, SIGN_IN_LINK, hash_secret
from gateway_core.stores.postgres.connections import Connection

_STATE: Final = "SELECT state FROM organizations WHERE organization_id = $1"
_READ: Final = Permission.SIGN_IN_LINKS_READ
_WRITE: Final = Permission.SIGN_IN_LINKS_WRITE
_SESSION_NAME: Final = "Sign-in link"


class SignInLinkMaker:
    """Makes and exchanges sign-in links."""

    def __init__(
        self,
        pepper: bytes,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        lives: TokenLives,
        link_life: dt.timedelta,
        page_url: str | None,
    ) -> None:
        """Prepares it.

        Args:
            pepper: hashes secrets.
            make_id: returns a new id with a prefix.
            random_bytes: returns this many random bytes.
            lives: how long the access tokens live.
            link_life: how long a link can be used.
            page_url: the page that links lead to; None for no links.
        """
        self._pepper = pepper
        self._make_id = make_id
        self._random_bytes = random_bytes
        self._lives = lives
        self._link_life = link_life
        self._page_url = page_url

    async def create(
        self, request: sign_in_link_pb2.CreateSignInLinkRequest, change: Change
    ) -> CreateSignInLinkResponse:
        """CreateSignInLink makes a link as an admin of the organization."""
        caller: Caller = change.caller
        wanted = request.sign_in_link
        if wanted.HasField("new_member"):
            row = await add_new_member(change, wanted.new_member, self._make_id)
        else:
            row = await _member_below(change, wanted.member)
        made, secret = await self._make(change, row, (caller.user, caller.actor.member), self._link_life)
        change.repeat_answer = CreateSignInLinkResponse(sign_in_link=made, secret_already_issued=True)
        return CreateSignInLinkResponse(sign_in_link=made, secret=secret, link=invite_link(self._page_url, secret))

    async def issue(self, request: IssueSignInLinkRequest, change: Change) -> IssueSignInLinkResponse:
        """IssueSignInLink makes a link as an operator."""
        caller: OperatorCaller = change.caller
        life = self._life_of(request)
        row = await _member(change.connection, caller.named, Permission.OPERATORS_WRITE, str(caller.named))
        made, secret = await self._make(change, row, (caller.user, None), life)
        change.repeat_answer = IssueSignInLinkResponse(sign_in_link=made, secret_already_issued=True)
        return IssueSignInLinkResponse(sign_in_link=made, secret=secret, link=invite_link(self._page_url, secret))

    async def exchange(
        self, _request: sign_in_link_pb2.ExchangeSignInLinkRequest, change: Change
    ) -> ExchangeSignInLinkResponse:
        """ExchangeSignInLink makes an access token and marks the link as used. Of concurrent calls, one succeeds."""
        caller: UserCaller = change.caller
        organization, link = caller.grant.organization, caller.grant.sign_in_link
        if organization is None or link is None:
            raise sign_in_link_invalid()
        await change.act_for(organization)
        connection = change.connection
        row = await store.get_link(connection, organization, link)
        if row is None or row.state != "PENDING" or row.member_state != "ACTIVE":
            raise sign_in_link_invalid()
        if not await _is_backed(connection, row):
            raise sign_in_link_invalid()
        state = await connection.fetchval(_STATE, organization)
        if state != "ACTIVE":
            raise organization_inactive(str(state))
        secret = ACCESS_TOKEN.make(self._random_bytes(SECRET_BYTES))
        new = self._session(row, secret, await now_of(connection))
        await add_access_token(connection, new)
        if not await store.use_link(connection, organization, link, new.access_token):
            raise sign_in_link_invalid()
        _record(change, row, await store.get_link(connection, organization, link))
        answer = ExchangeSignInLinkResponse(
            expire_time=timestamp(new.expire_time),
            organization=str(ResourceName(organization)),
            member=str(ResourceName(organization, MEMBERS, row.member)),
        )
        change.repeat_answer = answer  # without the secret
        return ExchangeSignInLinkResponse(**{field.name: value for field, value in answer.ListFields()}, secret=secret)

    def _session(self, row: SignInLinkRow, secret: str, now: dt.datetime) -> NewAccessToken:
        """Returns the access token that the link is exchanged for."""
        end, super_admin_end = now + self._lives.sign_in, now + self._lives.super_admin
        return NewAccessToken(
            user=row.user,
            access_token=self._make_id("token"),
            secret_hash=hash_secret(secret, self._pepper),
            display_name=_SESSION_NAME,
            obfuscated_token=ACCESS_TOKEN.obfuscated(secret),
            organization=row.organization,
            permissions=None,
            expire_time=min(end, super_admin_end) if row.role == Role.SUPER_ADMIN else end,
            may_operate=False,
            issuer="",
            super_admin_end_time=super_admin_end,
        )

    def _life_of(self, request: IssueSignInLinkRequest) -> dt.timedelta:
        """Returns how long the link can be used.

        Raises:
            AdminError: FIELD_INVALID, the requested life is not within that of the deployment.
        """
        if not request.HasField("ttl"):
            return self._link_life
        longest_s = int(self._link_life.total_seconds())
        if not 0 < request.ttl.seconds + request.ttl.nanos / 1e9 <= longest_s:
            raise invalid_fields(FieldViolation("ttl", f"must be more than 0 and at most {longest_s} seconds"))
        return request.ttl.ToTimedelta()

    async def _make(
        self, change: Change, member: MemberRow, maker: tuple[str, str | None], life: dt.timedelta
    ) -> tuple[SignInLink, str]:
        """Makes a link, and revokes the earlier ones for the member."""
        connection, organization = change.connection, member.organization
        await refuse_in_personal_account(connection, organization)
        if member.state != "ACTIVE":
            message = f"The member is {member.state.lower()}. Only an active member can sign in."
            metadata = {"state": member.state}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
        for row in await store.pending_links(connection, organization, member.member):
            await store.revoke_link(connection, organization, row.link)
            _record(change, row, await store.get_link(connection, organization, row.link))
        secret, link = SIGN_IN_LINK.make(self._random_bytes(SECRET_BYTES)), self._make_id("link")
        secret_hash = hash_secret(secret, self._pepper)
        await store.add_link(connection, organization, link, member.member, secret_hash, maker, life)
        after = await store.get_link(connection, organization, link)
        _record(change, None, after)
        if after is None:
            raise AssertionError("a link that was stored is found")
        return link_message(after), secret


async def _member_below(change: Change, text: str) -> MemberRow:
    """Returns the member with this name, for whom the caller may make a link."""
    caller: Caller = change.caller
    name = parse_name(text)
    if name is None or (name.organization, name.collection) != (caller.resource.organization, MEMBERS):
        raise permission_denied(_WRITE, text[:MAX_SHOWN])
    row = await _member(change.connection, name, _WRITE, text)
    caller.require(_READ, row.target, text)
    if not is_maker(caller.actor, row.target):
        message = f"{name} has no role below yours. Ask a higher admin, or an operator, for the sign-in link."
        raise AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.MEMBER_NOT_BELOW, message)
    return row


def is_maker(actor: Actor, target: Target) -> bool:
    """Whether the actor may make a sign-in link for the member: one of a lower role, in their reach."""
    return may(actor, _WRITE, target) and is_below(target.role, actor.role)


async def revoke(_request: sign_in_link_pb2.RevokeSignInLinkRequest, change: Change) -> SignInLink:
    """RevokeSignInLink revokes a link that is not used."""
    connection, name = change.connection, change.caller.resource
    row = await store.get_link(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(_WRITE, str(name))
    if row.state == "USED":
        message = f"{name} was used. Revoke its access token, {ResourceName(name.organization, ACCESS_TOKENS, row.access_token)}."
        metadata = {"state": row.state}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
    if row.revoke_time is None:
        await store.revoke_link(connection, row.organization, row.link)
        after = await store.get_link(connection, row.organization, row.link)
        _record(change, row, after)
        row = after or row
    return link_message(row)


async def _is_backed(connection: Connection, row: SignInLinkRow) -> bool:
    """Whether the maker could still make the link. What an operator made stays until it is revoked."""
    if row.maker_member is None:
        return True
    found = await get_members(connection, row.organization, [row.maker_member])
    maker = found.get(row.maker_member)
    if maker is None or maker.state != "ACTIVE":
        return False
    actor = Actor(row.organization, maker.member, Role(maker.role), tuple(maker.group_path))
    member = Target(row.organization, TargetKind.PERSON, tuple(row.group_path), row.member, Role(row.role))
    return is_maker(actor, member)


async def _member(connection: Connection, name: ResourceName, permission: Permission, text: str) -> MemberRow:
    found = await get_members(connection, name.organization, [str(name.resource_id)])
    if str(name.resource_id) not in found:
        raise permission_denied(permission, text[:MAX_SHOWN])
    return found[str(name.resource_id)]


def _record(change: Change, before: SignInLinkRow | None, after: SignInLinkRow | None) -> None:
    if after is None:
        raise AssertionError("a link that was stored is found")
    # The person who exchanges a link acts as the member.
    is_own = isinstance(change.caller, UserCaller)
    membership = (
        Membership(after.organization, "", after.member, after.role, after.member_state, ()) if is_own else None
    )
    was = link_message(before) if before else None
    change.record(
        link_name(after), was, link_message(after),
        group_path=after.group_path, organization=after.organization, membership=membership,
    )  # fmt: skip
