"""Serves `megarouter.scim.v1.Scim`, which Envoy translates from `/scim/v2/`.

Envoy passes bodies as they are, and gives the answer the HTTP status in the metadata. So SCIM keeps its own statuses and errors.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg
import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from megarouter.scim.v1 import scim_pb2
from megarouter.scim.v1.scim_pb2 import ScimRequest

from admin_service.access.authorization import Caller
from admin_service.access.directory import Grant
from admin_service.access.rpc_declarations import Method, declared_methods
from admin_service.api.errors import AdminError
from admin_service.api.names import ResourceName
from admin_service.resources.groups.service import GroupsApi
from admin_service.scim.attributes import read_json, selected
from admin_service.scim.discovery import DOCUMENTS
from admin_service.scim.errors import ScimError, body_of, not_allowed, not_found, status_of
from admin_service.scim.groups import Groups
from admin_service.scim.reading import read
from admin_service.scim.users import Users, resource_of
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Guard, Handle, Rule
from admin_service.sign_in.issuers import Issuers
from gateway_core.contract.headers import HTTP_STATUS
from gateway_core.stores.postgres.organization_wall import acting_for

CONTENT_TYPE: Final = "application/scim+json"
_ORIGINAL_PATH: Final = "x-envoy-original-path"
_SUCCESS: Final = {"Create": 201, "Delete": 204}


class ScimApi:
    """The SCIM endpoint of every organization."""

    service = scim_pb2.DESCRIPTOR.services_by_name["Scim"]

    def __init__(self, pool: asyncpg.Pool, make_id: Callable[[str], str], tree: GroupsApi, issuers: Issuers) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            make_id: returns a new id with a prefix.
            tree: changes the groups of the organization.
            issuers: the identity providers, and whom they may vouch for.
        """
        self._pool = pool
        self._users = Users(make_id, issuers)
        self._groups = Groups(tree)
        self.handlers: Mapping[str, Handle] = {"Read": self.read}
        self.changes: Mapping[str, MakeChange] = {
            "Create": self.create,
            "Replace": self.replace,
            "Modify": self.modify,
            "Delete": self.delete,
        }
        self.rules: Mapping[str, Rule] = {}

    @staticmethod
    def scope(request: Message, grant: Grant) -> None:
        """Makes the request one about the organization of the credential. For any other caller it names none, and is denied."""
        is_credential = grant.credential is not None and grant.organization is not None
        request.parent = str(ResourceName(grant.organization)) if is_credential and grant.organization else ""  # type: ignore[attr-defined] # a ScimRequest

    async def read(self, request: ScimRequest, caller: Caller) -> HttpBody:
        """Read serves GET."""
        organization = caller.resource.organization
        async with acting_for(self._pool, organization) as connection:
            return _body(await read(connection, organization, request, request.path.partition("/")[2]))

    async def create(self, request: ScimRequest, change: Change) -> HttpBody:
        """Create serves POST."""
        if request.path == "Users":
            made = resource_of(await self._users.create(change, _json(request)))
        elif request.path == "Groups":
            made = await self._groups.create(change, _json(request))
        elif request.path in {"Bulk", ".search", "Users/.search", "Groups/.search"}:
            raise ScimError(501, f"{request.path} is not supported. Send single requests, and lists by GET.")
        else:
            raise _unknown(request.path)
        return _body(selected(made, request.attributes, request.excluded_attributes))

    async def replace(self, request: ScimRequest, change: Change) -> HttpBody:
        """Replace serves PUT."""
        kind, name = _named(request)
        if kind == "Users":
            made = resource_of(await self._users.replace(change, name, _json(request), request.if_match))
        else:
            made = await self._groups.replace(change, name, _json(request), request.if_match)
        return _body(selected(made, request.attributes, request.excluded_attributes))

    async def modify(self, request: ScimRequest, change: Change) -> HttpBody:
        """Modify serves PATCH."""
        kind, name = _named(request)
        if kind == "Users":
            made = resource_of(await self._users.modify(change, name, _json(request), request.if_match))
        else:
            made = await self._groups.modify(change, name, _json(request), request.if_match)
        return _body(selected(made, request.attributes, request.excluded_attributes))

    async def delete(self, request: ScimRequest, change: Change) -> HttpBody:
        """Delete serves DELETE."""
        kind, name = _named(request)
        await (self._users if kind == "Users" else self._groups).delete(change, name, request.if_match)
        return HttpBody(content_type=CONTENT_TYPE)


def scim_handler(guard: Guard, api: ScimApi) -> "grpc.GenericRpcHandler[Any, Any]":
    """Returns the service for a gRPC server. Its errors are answers of SCIM."""
    handlers = {}
    for method in declared_methods(api.service):

        async def serve(
            request: ScimRequest, context: grpc.aio.ServicerContext[Any, Any], method: Method = method
        ) -> HttpBody:
            metadata = tuple(context.invocation_metadata() or ())
            _take_headers(request, metadata)
            try:
                answer = await guard.traced_call(method, api, request, metadata)
                status = _SUCCESS.get(method.descriptor.name, 200)
            except AdminError as error:
                answer, status = _body(body_of(error)), status_of(error)
            await context.send_initial_metadata(_headers(answer, status))
            return answer

        handlers[method.descriptor.name] = grpc.unary_unary_rpc_method_handler(
            serve, request_deserializer=ScimRequest.FromString, response_serializer=HttpBody.SerializeToString
        )
    return grpc.method_handlers_generic_handler(api.service.full_name, handlers)


def _take_headers(request: ScimRequest, metadata: Sequence[tuple[str, str | bytes]]) -> None:
    """Completes the request by what Envoy's translation leaves in headers: the version, and the end of the id of a schema."""
    headers = {key: value for key, value in metadata if isinstance(value, str)}
    request.if_match = headers.get("if-match", "")[:200]
    original = headers.get(_ORIGINAL_PATH, "").partition("?")[0]
    prefix, _, schema = original.partition("/Schemas/")
    if prefix.endswith("/scim/v2") and request.path.startswith("Schemas/"):
        request.path = f"Schemas/{schema}"


def _headers(answer: HttpBody, status: int) -> tuple[tuple[str, str], ...]:
    headers = [(HTTP_STATUS, str(status))]
    meta = json.loads(answer.data).get("meta", {}) if answer.data and status in {200, 201} else {}
    if status == 201 and "location" in meta:
        headers.append(("location", meta["location"]))
    if "version" in meta:
        headers.append(("etag", meta["version"]))
    return tuple(headers)


def _named(request: ScimRequest) -> tuple[str, str]:
    """Returns collection and id of the resource that a path names."""
    kind, _, name = request.path.partition("/")
    if kind not in {"Users", "Groups"} or not name or "/" in name:
        raise _unknown(request.path)
    return kind, name


def _unknown(path: str) -> ScimError:
    """Returns the error for a path that cannot be changed, or does not exist."""
    is_readable = path.partition("/")[0] in {"Users", "Groups", *DOCUMENTS}
    return not_allowed(path) if is_readable else not_found(path)


def _json(request: ScimRequest) -> dict[str, Any]:
    return read_json(request.body.data)


def _body(value: Mapping[str, Any]) -> HttpBody:
    return HttpBody(content_type=CONTENT_TYPE, data=json.dumps(value, ensure_ascii=False).encode(errors="replace"))
