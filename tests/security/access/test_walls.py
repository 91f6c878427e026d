"""Every RPC of the admin API, by a Super Admin of one organization with names of another: refused, and nothing changes there."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import asyncpg
import grpc
import pytest
from google.api import annotations_pb2, resource_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from yarl import URL

from admin_service.access.rpc_declarations import Method
from deploy.local.supervision.embedded_stack import Stack
from tests.contract.admin_service.access.test_climbing import _RESOURCE_IN, METHODS
from tests.security.access.conftest import code_of
from tests.support.attacks.companies import Company, snapshot
from tests.support.clients.admin_transports import Rest, rest_form

ATTACKER: Final = "stranger"
WALLED: Final = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND})
_IDS: Final = {
    "*": "apiKeys/key-member",
    "Anomaly": "anomalies/anomaly-member",
    "ApiKey": "apiKeys/key-member",
    "ClaimMapping": "claimMappings/claim-member",
    "Credential": "credentials/cred-1",
    "Group": "groups/abroad",
    "Guardrail": "guardrails/member-member",
    "GuardrailDefault": "guardrailDefaults/group-abroad",
    "Invite": "invites/invite-member",
    "InvoiceRequest": "invoiceRequests/inv-1",
    "Member": "members/member",
    "ServiceAccount": "serviceAccounts/sa-member",
    "SignInLink": "signInLinks/link-member",
    "TopUpRequest": "topUpRequests/topup-1",
}
"""A resource of each type that every company has."""


@dataclass(frozen=True)
class Named:
    """An RPC and the resource that its request names, in the example organization."""

    method: Method
    resource: str

    def __str__(self) -> str:
        return f"{self.method.descriptor.name} {self.resource.rpartition('acme')[2] or 'the organization'}"


_SAME_KIND: Final = {
    "claimMappings/claim-1": "claimMappings/claim-member",
    "invites/invite": "invites/invite-member",
    "serviceAccounts/sa-build": "serviceAccounts/sa-member",
    "signInLinks/link-1": "signInLinks/link-member",
}
"""Resources of the contract tests' organization, and those of the companies."""


def _in_place(name: str) -> str:
    collection = name.removeprefix("organizations/acme/")
    return name.replace(collection, _SAME_KIND.get(collection, collection))


def named() -> Iterator[Named]:
    for method in METHODS:
        if method.is_for_users or not method.resource_field:
            continue
        for collection in sorted(method.collections, key=str):
            yield Named(method, _in_place(_RESOURCE_IN[None if method.names_parent else collection]))


NAMED: Final = list(named())


def request_of(method: Method, name: str) -> Any:
    request: Any = GetMessageClass(method.descriptor.input_type)()
    *outer, last = method.resource_field.split(".")
    holder = request
    for part in outer:
        holder = getattr(holder, part)
    setattr(holder, last, name)
    return request


@pytest.mark.parametrize("target", NAMED, ids=str)
async def test_an_rpc_does_not_reach_another_organization(
    rest: Rest, database: asyncpg.Pool, home: Company, abroad: Company, target: Named
) -> None:
    before = await snapshot(database, abroad)
    request = request_of(target.method, abroad.named(target.resource))
    assert await code_of(rest, target.method.descriptor, request, home.tokens[ATTACKER]) in WALLED
    assert await snapshot(database, abroad) == before


def _reference(field: FieldDescriptor) -> str:
    """Returns the type of the resource that a field names, without its domain; empty if it names none."""
    reference = field.GetOptions().Extensions[resource_pb2.resource_reference]
    return str(reference.type or reference.child_type).rpartition("/")[2]


def _is_part(field: FieldDescriptor) -> bool:
    is_message = field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated
    return bool(is_message and field.message_type and field.message_type.full_name.startswith("megarouter."))


def fill(message: Any, company: Company, *, spared: str, depth: int = 0) -> int:
    """Writes names of a company into every field that names a resource, except the one at `spared`. Returns how many."""
    count = 0
    descriptor: Descriptor = message.DESCRIPTOR
    for field in descriptor.fields:
        if field.name == spared:
            continue
        kind = _reference(field) if field.type == FieldDescriptor.TYPE_STRING else ""
        name = company.name if kind == "Organization" else f"{company.name}/{_IDS[kind]}" if kind in _IDS else ""
        if kind == "User":
            name = f"users/{company.ident}-member"
        if name and field.is_repeated:
            getattr(message, field.name).append(name)
        elif name:
            setattr(message, field.name, name)
        elif field.name in {"display_name", "reason", "note"}:
            setattr(message, field.name, "x")
        elif field.name == "amount_nano_credits" and not depth:
            setattr(message, field.name, 1)
        elif field.name == "request_id":
            setattr(message, field.name, str(uuid.uuid4()))
        elif _is_part(field) and depth < 2:
            count += fill(getattr(message, field.name), company, spared="name", depth=depth + 1)
        count += bool(name)
    return count


def _mixed() -> Iterator[Named]:
    probe = Company("probe")
    for target in NAMED:
        request = request_of(target.method, "organizations/probe")
        if fill(request, probe, spared=target.method.resource_field.partition(".")[0]) or (
            "." in target.method.resource_field
            and fill(getattr(request, target.method.resource_field.partition(".")[0]), probe, spared="name")
        ):
            yield target


@pytest.mark.parametrize("target", list(_mixed()), ids=str)
async def test_names_of_another_organization_inside_a_request_reach_nothing_there(
    rest: Rest, database: asyncpg.Pool, disposable: Company, abroad: Company, target: Named
) -> None:
    """The request is about the attacker's organization. Every other name in it is of the other organization."""
    request = request_of(target.method, disposable.named(target.resource))
    outer, dot, _ = target.method.resource_field.partition(".")
    fill(getattr(request, outer) if dot else request, abroad, spared="name" if dot else outer)
    before = await snapshot(database, abroad)
    code = await code_of(rest, target.method.descriptor, request, disposable.tokens[ATTACKER])
    assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
    assert await snapshot(database, abroad) == before
    crossed = await database.fetchval(
        "SELECT count(*) FROM members WHERE organization_id = $1 AND user_id LIKE $2 || '-%'",
        disposable.ident, abroad.ident,
    )  # fmt: skip
    assert crossed == 0


FOR_USERS: Final = [method for method in METHODS if method.is_for_users]


@pytest.mark.parametrize("method", FOR_USERS, ids=lambda method: method.descriptor.name)
async def test_an_rpc_about_the_caller_reaches_no_other_user(
    rest: Rest, database: asyncpg.Pool, disposable: Company, abroad: Company, method: Method
) -> None:
    victim = f"users/{abroad.ident}-super"
    request: Any = GetMessageClass(method.descriptor.input_type)()
    fill(request, abroad, spared="")
    if method.resource_field in {"name", "parent"}:
        token_name = f"{victim}/accessTokens/{abroad.ident}-super"
        setattr(request, method.resource_field, token_name if "AccessToken" in method.descriptor.name and
                method.resource_field == "name" else victim)  # fmt: skip
    before = await snapshot(database, abroad)
    try:
        answer = await rest.call(method.descriptor, request, disposable.tokens[ATTACKER])
    except Exception as error:  # noqa: BLE001 - the status is not the point here
        answer = error
    assert await snapshot(database, abroad) == before
    assert abroad.ident not in str(answer).replace(f"{victim}/accessTokens/{abroad.ident}-super", "").replace(
        victim, ""
    ).replace(abroad.name, "")


@dataclass(frozen=True)
class Binding:
    """A REST path of an RPC."""

    target: Named
    verb: str
    template: str

    def __str__(self) -> str:
        return f"{self.verb} {self.template}"


def bindings() -> Iterator[Binding]:
    for target in NAMED:
        rule = target.method.descriptor.GetOptions().Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        yield Binding(target, verb.upper(), f"{getattr(rule, verb)} {target.resource.rpartition('acme')[2]}")


@pytest.mark.parametrize("place", ["query", "body", "camel query"])
@pytest.mark.parametrize("binding", list(bindings()), ids=str)
async def test_a_query_or_body_does_not_replace_the_resource_of_the_path(
    stack: Stack, session: aiohttp.ClientSession, database: asyncpg.Pool, home: Company, abroad: Company,
    binding: Binding, place: str,
) -> None:  # fmt: skip
    """The path names a resource of a fourth organization, where the caller may nothing, so only the other name could work."""
    target = binding.target
    own, other = (target.resource.replace("acme", ident) for ident in ("nowhere-1", home.ident))
    verb, path, body = rest_form(target.method.descriptor, request_of(target.method, own))
    field = target.method.resource_field
    separator = "&" if "?" in path else "?"
    if place == "body":
        body = _nested(field, other) if verb != "GET" else None
        path += "" if body else f"{separator}{field}={other}"
    else:
        path += f"{separator}{_camel(field) if place == 'camel query' else field}={other}"
    headers = {"authorization": f"Bearer {home.tokens['super']}"}
    before = await snapshot(database, home)
    url = stack.environment["MEGAROUTER_ADMIN_URL"] + path
    async with session.request(verb, url, json=body, headers=headers) as response:
        text = await response.text()
        assert response.status in {400, 403, 404}, text
    assert await snapshot(database, home) == before


def _nested(field: str, value: str) -> dict[str, Any]:
    *outer, last = field.split(".")
    document: dict[str, Any] = {last: value}
    for part in reversed(outer[1:]):
        document = {part: document}
    return document


def _camel(field: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), field)


DETOURS: Final = {
    "dots": "/v1/organizations/{own}/apiKeys/../../{other}/apiKeys/key-super",
    "escaped dots": "/v1/organizations/{own}/%2e%2e/{other}/apiKeys/key-super",
    "escaped slash": "/v1/organizations/{own}%2F..%2F{other}/apiKeys/key-super",
    "escaped twice": "/v1/organizations/{own}%252F..%252F{other}/apiKeys/key-super",
    "backslash": "/v1/organizations/{own}\\..\\{other}/apiKeys/key-super",
    "semicolon": "/v1/organizations/{other};{own}/apiKeys/key-super",
    "two slashes": "/v1//organizations//{other}//apiKeys//key-super",
    "trailing slash": "/v1/organizations/{other}/apiKeys/key-super/",
    "capitals": "/v1/Organizations/{other}/apiKeys/key-super",
    "fragment": "/v1/organizations/{other}/apiKeys/key-super%23/{own}",
    "NUL": "/v1/organizations/{other}%00{own}/apiKeys/key-super",
    "line end": "/v1/organizations/{other}/apiKeys/key-super%0d%0ax:y",
    "verb in the name": "/v1/organizations/{other}/apiKeys/key-super:disable",
    "query only": "/v1/organizations/{other}/apiKeys/key-super?organization={own}",
    "list with a filter": "/v1/organizations/{own}/apiKeys?filter=member%3D%22organizations/{other}/members/super%22",
    "list of a group": "/v1/organizations/{own}/apiKeys?group=organizations/{other}/groups/eng",
    "wildcard": "/v1/organizations/-/apiKeys",
    "asterisk": "/v1/organizations/*/apiKeys",
}


@pytest.mark.parametrize("path", DETOURS.values(), ids=DETOURS)
async def test_no_detour_of_a_path_shows_another_organization(
    stack: Stack, session: aiohttp.ClientSession, home: Company, abroad: Company, path: str
) -> None:
    url = stack.environment["MEGAROUTER_ADMIN_URL"] + path.format(own=home.ident, other=abroad.ident)
    headers = {"authorization": f"Bearer {home.tokens[ATTACKER]}"}
    verb = "POST" if path.endswith(":disable") else "GET"
    async with session.request(verb, URL(url, encoded=True), headers=headers) as response:
        text = await response.text()
    assert response.status in {400, 403, 404}, text
    assert "obfuscatedKey" not in text


CLAIMS: Final = {
    "organization header": {"x-megarouter-organization": "{other}"},
    "user header": {"x-megarouter-user": "{other}-super"},
    "identity header": {"x-megarouter-identity": "eyJzdWIiOiJhIn0"},
    "original URL": {
        "x-original-url": "/v1/organizations/{other}/apiKeys",
        "x-rewrite-url": "/v1/organizations/{other}/apiKeys",
    },
    "Envoy's original path": {"x-envoy-original-path": "/v1/organizations/{other}/apiKeys"},
    "method override": {"x-http-method-override": "DELETE"},
    "forwarded host": {"x-forwarded-host": "localhost", "forwarded": "for=127.0.0.1;host=localhost"},
    "internal request": {"x-envoy-internal": "true", "x-forwarded-for": "127.0.0.1"},
    "gRPC path": {"content-type": "application/grpc", "te": "trailers"},
    "edge secret": {"x-megarouter-edge-secret": "0" * 64},
}


@pytest.mark.parametrize("headers", CLAIMS.values(), ids=CLAIMS)
async def test_no_header_opens_another_organization(
    stack: Stack, session: aiohttp.ClientSession, database: asyncpg.Pool, home: Company, abroad: Company, headers: dict[str, str]
) -> None:  # fmt: skip
    before = await snapshot(database, abroad)
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/{abroad.name}/apiKeys/key-super"
    sent = {name: value.format(other=abroad.ident) for name, value in headers.items()}
    async with session.get(
        url, headers={**sent, "authorization": f"Bearer {home.tokens[ATTACKER]}"}, skip_auto_headers=["content-type"]
    ) as response:
        text = await response.text()
        refused = response.status in {400, 403, 404, 415} or response.headers.get("grpc-status") not in {None, "0"}
        assert refused, text
    assert "obfuscatedKey" not in text
    assert await snapshot(database, abroad) == before


SCIM_PATHS: Final = (
    "Users/super",
    "Users/{other}-super",
    "Groups/eng",
    "Users?filter=userName%20eq%20%22{other}-super@example.org%22",
)


@pytest.mark.parametrize("verb", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", SCIM_PATHS)
async def test_a_scim_credential_reaches_no_other_organization(
    stack: Stack, session: aiohttp.ClientSession, database: asyncpg.Pool, disposable: Company, abroad: Company, verb: str, path: str
) -> None:  # fmt: skip
    url = stack.environment["MEGAROUTER_ADMIN_URL"]
    made_at = f"{url}/v1/{disposable.name}/credentials"
    admin = {"authorization": f"Bearer {disposable.tokens['super']}"}
    async with session.post(made_at, json={"displayName": "S", "kind": "KIND_SCIM"}, headers=admin) as response:
        secret = (await response.json())["secret"]
    before = await snapshot(database, abroad)
    operation = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], **operation} if verb == "PATCH" else None
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/scim+json"}
    async with session.request(
        verb, f"{url}/scim/v2/{path.format(other=abroad.ident)}", json=body, headers=headers
    ) as response:
        assert abroad.ident not in (await response.text()).replace(f"{abroad.ident}-super", "")
    assert await snapshot(database, abroad) == before


def test_every_rpc_is_tried() -> None:
    tried = {target.method.full_name for target in NAMED} | {method.full_name for method in FOR_USERS}
    free = {method.full_name for method in METHODS if not method.resource_field and not method.is_for_users}
    assert tried | free == {method.full_name for method in METHODS}
    assert {name.partition("/")[2] for name in free} <= {
        "ListOrganizationSummaries", "ListOperatorAuditLogEntries", "SearchTopUpRequests",
    }  # fmt: skip
