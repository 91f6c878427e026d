"""Authorizes calls: turns a credential and a request into the caller that a handler gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import grpc
from google.api import resource_pb2
from google.protobuf.message import Message
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.directory import Grant, find_actor, find_credential, find_target, is_personal
from admin_service.access.identity_tokens import Metadata
from admin_service.access.permissions import READING, Actor, Permission, Role, Target, may
from admin_service.access.rpc_declarations import Method
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.names import ResourceName, UserResourceName, parse_name
from gateway_core.contract.headers import CLIENT_ADDRESS, REQUEST_ID
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for

_MAX_SHOWN: Final = 200
_MAX_HEADER_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from. Both fields are empty when unknown."""

    call_id: str = ""
    """The id of the call in Envoy, logs and traces."""
    address: str = ""
    """The client's IP address, as Envoy saw it."""


def origin_of(metadata: Metadata) -> Origin:
    """Returns the origin that Envoy reports. Envoy removes these headers from what clients send."""
    headers = {key: value for key, value in metadata if isinstance(value, str)}
    return Origin(
        headers.get(REQUEST_ID, "")[:_MAX_HEADER_CHARACTERS],
        headers.get(CLIENT_ADDRESS, "")[:_MAX_HEADER_CHARACTERS],
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """An authenticated call that is not authorized yet."""

    method: Method
    request: Message
    grant: Grant
    origin: Origin
    offers_personal_accounts: bool = True
    """Whether the deployment has personal accounts. Otherwise they look as if they did not exist."""

    @property
    def organizations(self) -> tuple[str, ...]:
        """The id of the organization that the request names; empty if it names none."""
        resource = self.method.named_resource(self.request)
        return (resource.organization,) if resource else ()


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who calls, their organization and the resource: all that a handler learns besides the request."""

    grant: Grant
    actor: Actor
    resource: ResourceName
    target: Target
    """The kind of the resource, and the group and member it belongs to."""
    origin: Origin

    @property
    def user(self) -> str:
        """Id of the user."""
        return self.grant.user

    def require(self, permission: Permission, target: Target, name: object) -> None:
        """Checks a resource that the request names besides its main one. The caller is an active member: `find_actor` checked it.

        Raises:
            AdminError: PERMISSION_DENIED, the same whether the resource is forbidden or does not exist.
        """
        if not (self.grant.carries(permission, target.organization) and may(self.actor, permission, target)):
            raise permission_denied(permission, str(name)[:_MAX_SHOWN])


@dataclass(frozen=True, slots=True)
class UserCaller:
    """The caller of an RPC about the calling user."""

    grant: Grant
    resource: UserResourceName
    origin: Origin

    @property
    def user(self) -> str:
        """Id of the user."""
        return self.grant.user


@dataclass(frozen=True, slots=True)
class OperatorCaller:
    """The caller of an RPC for operators."""

    grant: Grant
    resource: ResourceName | None
    """None if the RPC is about the whole deployment."""
    origin: Origin

    @property
    def user(self) -> str:
        """Id of the user."""
        return self.grant.user

    @property
    def named(self) -> ResourceName:
        """The resource that the RPC names. Only for an RPC that names one."""
        if self.resource is None:
            raise AssertionError("the RPC names no resource")
        return self.resource


def require_linked(grant: Grant, permission: Permission) -> None:
    """Checks that the caller is a user. A person whose address another user has can only preview and accept an invite.

    Raises:
        AdminError: IDENTITY_NOT_LINKED.
    """
    if grant.newcomer is None or permission is Permission.INVITES_ACCEPT:
        return
    issuer, subject = grant.newcomer.issuer, grant.newcomer.subject
    message = (
        "Another user has the e-mail address of this sign-in, so it does not become that user. Ask an admin of your organization"
        f" for an invite, or to link this sign-in to your member: issuer {issuer}, subject {subject}."
    )
    metadata = {"issuer": issuer, "subject": subject}
    raise AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.IDENTITY_NOT_LINKED, message, metadata)


async def authorize_operator(connection: Connection, asked: Asked) -> OperatorCaller:
    """Returns the caller of an RPC for operators. The transaction must act for the named organization, if there is one.

    Raises:
        AdminError: PERMISSION_DENIED, the caller is no operator, or there is no such organization.
    """
    method, grant = asked.method, asked.grant
    resource = method.named_resource(asked.request)
    if grant.is_operator and grant.carries(method.permission, None):
        if not method.resource_field:
            return OperatorCaller(grant, None, asked.origin)
        if resource and await find_target(connection, ResourceName(resource.organization)):
            return OperatorCaller(grant, resource, asked.origin)
    raise permission_denied(method.permission, method.resource_text(asked.request)[:_MAX_SHOWN])


async def authorize(connection: Connection, asked: Asked) -> Caller:
    """Returns the caller of an RPC on a resource of an organization. The transaction must act for that organization.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether the resource is forbidden or does not exist (AIP-211).
    """
    method, grant = asked.method, asked.grant
    resource = method.named_resource(asked.request)
    if resource and grant.carries(method.permission, resource.organization):
        actor = await _actor(connection, grant, resource.organization, method.permission)
        target = actor and await _target(connection, method, resource)
        is_offered = asked.offers_personal_accounts or not await is_personal(connection, resource.organization)
        if is_offered and actor and target and may(actor, method.permission, target):
            if grant.is_past_super_admin and actor.role is Role.SUPER_ADMIN and method.permission not in READING:
                await _require_personal(connection, resource.organization)
            return Caller(grant, actor, resource, target, asked.origin)
    raise permission_denied(method.permission, method.resource_text(asked.request)[:_MAX_SHOWN])


async def require_still_allowed(connection: Connection, method: Method, answer: Message, caller: Caller) -> None:
    """Checks a remembered answer: the caller must still have the permission on every resource in it.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether a resource is forbidden or does not exist.
    """
    for text in _resources_in(answer):
        name = parse_name(text)
        target = await find_target(connection, name) if name else None
        if target is None:
            raise permission_denied(method.permission, text[:_MAX_SHOWN])
        caller.require(method.permission, target, text)


def _resources_in(answer: Message) -> Iterator[str]:
    """The names of all resources in an answer, or of the answer itself if it is a resource."""
    if answer.DESCRIPTOR.GetOptions().HasExtension(resource_pb2.resource):
        yield answer.name  # type: ignore[attr-defined] # every resource has a name
        return
    for field, value in answer.ListFields():
        if field.message_type is not None:
            for inner in (value,) if isinstance(value, Message) else value:
                yield from _resources_in(inner)


async def _actor(connection: Connection, grant: Grant, organization: str, permission: Permission) -> Actor | None:
    if grant.credential:
        return await find_credential(connection, grant.credential, organization, permission)
    return await find_actor(connection, grant.user, organization, permission)


async def _require_personal(connection: Connection, organization: str) -> None:
    """Refuses a token that carries the rights of a Super Admin no longer, unless in the user's personal account.

    Raises:
        AdminError: SUPER_ADMIN_RIGHTS_EXPIRED.
    """
    if not await is_personal(connection, organization):
        raise super_admin_rights_expired()


def super_admin_rights_expired() -> AdminError:
    """The error for an access token that is too old to carry the rights of a Super Admin."""
    message = (
        "This access token only reads now, because it is too old to change things with the rights of a Super Admin. Sign in again"
        " and create a new token."
    )
    return AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.SUPER_ADMIN_RIGHTS_EXPIRED, message)


def authorize_user(asked: Asked) -> UserCaller:
    """Returns the caller of an RPC about the calling user.

    Raises:
        AdminError: PERMISSION_DENIED.
    """
    method, grant = asked.method, asked.grant
    resource = method.named_user_resource(asked.request, grant.user)
    # All users share one catalog, the list of accounts filters by the credential's organization itself, and links to sign in
    # and to reports are for one organization.
    for_every_credential = method.permission in {
        Permission.CATALOG_READ,
        Permission.ACCOUNTS_READ,
        Permission.SIGN_IN_LINKS_EXCHANGE,
        Permission.USAGE_EXPORTS_OPEN,
    }
    organization = grant.organization if for_every_credential else None
    # An access token ends itself, whatever it is limited to.
    ends_itself = method.permission is Permission.ACCESS_TOKENS_REVOKE_CURRENT and grant.access_token is not None
    is_carried = ends_itself or grant.carries(method.permission, organization)
    if resource and resource.user == grant.user and is_carried:
        return UserCaller(grant, resource, asked.origin)
    raise permission_denied(method.permission, method.resource_text(asked.request)[:_MAX_SHOWN])


async def own_organization(connection: Connection, caller: UserCaller, text: str, permission: Permission) -> str:
    """Returns the id of the organization that a request about the calling user names. The caller must be an active member of it.

    The transaction acts for the organization afterward.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether the organization exists or not.
    """
    name = parse_name(text)
    if name and name.collection is None:
        await act_for(connection, [name.organization])
        if await find_actor(connection, caller.user, name.organization, permission):
            return name.organization
    raise permission_denied(permission, text[:_MAX_SHOWN])


async def _target(connection: Connection, method: Method, resource: ResourceName) -> Target | None:
    return Target(resource.organization) if method.names_parent else await find_target(connection, resource)
