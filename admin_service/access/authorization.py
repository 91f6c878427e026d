"""Whether a caller may make a call: from a credential and a request to the caller that a handler gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from google.api import resource_pb2
from google.protobuf.message import Message

from admin_service.access.directory import Grant, find_actor, find_target
from admin_service.access.methods import Method
from admin_service.access.permissions import Actor, Permission, Target, may
from admin_service.api.errors import permission_denied
from admin_service.api.names import ResourceName, UserResourceName, parse_name
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for

_MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from."""

    call_id: str = ""
    """The id under which Envoy, logs and traces know the call."""
    address: str = ""
    """Of the client, as Envoy saw it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call whose caller is authenticated and not yet authorized."""

    method: Method
    request: Message
    grant: Grant
    origin: Origin

    @property
    def organizations(self) -> tuple[str, ...]:
        """The organization that the request names; empty if none."""
        resource = self.method.named_resource(self.request)
        return (resource.organization,) if resource else ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which organization, on what: everything a handler learns beside the request."""

    grant: Grant
    actor: Actor
    resource: ResourceName
    target: Target
    """What the resource is and whom it belongs to."""
    origin: Origin

    @property
    def user(self) -> str:
        """Id of the user."""
        return self.grant.user

    def require(self, permission: Permission, target: Target, name: object) -> None:
        """For what a request names besides its resource. Whoever calls is an active member: `find_actor` found them.

        Raises:
            AdminError: PERMISSION_DENIED, the same whether it is forbidden or does not exist.
        """
        if not (self.grant.carries(permission, target.organization) and may(self.actor, permission, target)):
            raise permission_denied(permission, str(name)[:_MAX_SHOWN])


@dataclass(frozen=True, slots=True)
class UserCaller:
    """Who calls about oneself."""

    grant: Grant
    resource: UserResourceName
    origin: Origin

    @property
    def user(self) -> str:
        """Id of the user."""
        return self.grant.user


async def authorize(connection: Connection, asked: Asked) -> Caller:
    """The caller of an RPC on something of an organization, for which the transaction acts.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether it is forbidden or does not exist (AIP-211).
    """
    method, grant = asked.method, asked.grant
    resource = method.named_resource(asked.request)
    if resource and grant.carries(method.permission, resource.organization):
        actor = await find_actor(connection, grant.user, resource.organization, method.permission)
        target = actor and await _target(connection, method, resource)
        if actor and target and may(actor, method.permission, target):
            return Caller(grant, actor, resource, target, asked.origin)
    raise permission_denied(method.permission, method.resource_text(asked.request)[:_MAX_SHOWN])


async def require_told(connection: Connection, method: Method, answer: Message, caller: Caller) -> None:
    """For an answer of before: each resource in it must be one on which the caller may still make the call.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether it is forbidden or does not exist.
    """
    for text in _resources_in(answer):
        name = parse_name(text)
        target = await find_target(connection, name) if name else None
        if target is None:
            raise permission_denied(method.permission, text[:_MAX_SHOWN])
        caller.require(method.permission, target, text)


def _resources_in(answer: Message) -> Iterator[str]:
    """Names of the resources that an answer is, or is made of."""
    if answer.DESCRIPTOR.GetOptions().HasExtension(resource_pb2.resource):
        yield answer.name  # type: ignore[attr-defined] # a resource has one
        return
    for field, value in answer.ListFields():
        if field.message_type is not None:
            for inner in (value,) if isinstance(value, Message) else value:
                yield from _resources_in(inner)


def authorize_user(asked: Asked) -> UserCaller:
    """The caller of an RPC about oneself.

    Raises:
        AdminError: PERMISSION_DENIED.
    """
    method, grant = asked.method, asked.grant
    resource = method.named_user_resource(asked.request, grant.user)
    # The catalogue is the same for everybody, and of accounts a credential for one organization shows that one.
    for_every_credential = method.permission in {Permission.CATALOG_READ, Permission.ACCOUNTS_READ}
    organization = grant.organization if for_every_credential else None
    if resource and resource.user == grant.user and grant.carries(method.permission, organization):
        return UserCaller(grant, resource, asked.origin)
    raise permission_denied(method.permission, method.resource_text(asked.request)[:_MAX_SHOWN])


async def own_organization(connection: Connection, caller: UserCaller, text: str, permission: Permission) -> str:
    """The organization that a request about oneself names, of which the caller is an active member. The transaction acts for it.

    Raises:
        AdminError: PERMISSION_DENIED, the same whether there is such an organization or not.
    """
    name = parse_name(text)
    if name and name.collection is None:
        await act_for(connection, [name.organization])
        if await find_actor(connection, caller.user, name.organization, permission):
            return name.organization
    raise permission_denied(permission, text[:_MAX_SHOWN])


async def _target(connection: Connection, method: Method, resource: ResourceName) -> Target | None:
    return Target(resource.organization) if method.names_parent else await find_target(connection, resource)
