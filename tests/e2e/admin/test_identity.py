"""OpenID Connect: admin_service accepts users that a configured identity provider vouches for, and refuses all others."""

import asyncio
import base64
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2
from megarouter.admin.v1 import account_pb2, api_key_pb2, credit_pb2, organization_pb2

from deploy.local.supervision.embedded_stack import Stack
from tests.support.clients.admin_transports import CallError, Grpc, Rest
from tests.support.data.tenants import Tenant
from tests.support.servers.identity_provider import (
    AUDIENCE,
    ISSUER,
    EcKey,
    IdentityProvider,
    RsaKey,
    encode,
    sign_with_secret,
    unsigned,
)

LIST = api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"].methods_by_name["ListApiKeys"]
LINKED = "SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2"

ListKeys = Callable[[str | None], Awaitable[Any]]


def subject() -> str:
    return f"person-{os.urandom(6).hex()}"


def mia(tenant: Tenant) -> dict[str, Any]:
    """Returns claims about the tenant's member."""
    return {"email": f"mia@{tenant.organization}.example", "email_verified": True, "name": "Mia"}


@pytest.fixture
def rest(stack: Stack, session: aiohttp.ClientSession) -> Rest:
    return Rest(stack.environment["MEGAROUTER_ADMIN_URL"], session)


@pytest.fixture
def list_keys(rest: Rest, tenant: Tenant) -> ListKeys:
    request = api_key_pb2.ListApiKeysRequest(parent=f"organizations/{tenant.organization}")
    return lambda token: rest.call(LIST, request, token)


async def refusal(call: Awaitable[Any]) -> grpc.StatusCode:
    with pytest.raises(CallError) as failed:
        await call
    if failed.value.code is grpc.StatusCode.UNAUTHENTICATED:
        assert failed.value.detail(error_details_pb2.ErrorInfo).reason == "ACCESS_TOKEN_INVALID"
    return failed.value.code


async def test_a_verified_address_links_to_the_user_who_has_it(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    person = subject()
    listed = await list_keys(identity_provider.token(person, **mia(tenant)))
    assert [key.name.rpartition("/")[2] for key in listed.api_keys] == ["key-1"]
    assert await tenant.database.fetchval(LINKED, ISSUER, person) == f"user-{tenant.organization}"


async def test_a_token_signed_with_an_elliptic_key_works_through_grpc(
    stack: Stack, identity_provider: IdentityProvider, tenant: Tenant
) -> None:
    key = identity_provider.keys[1]
    assert isinstance(key, EcKey)
    token = key.sign(identity_provider.claims(subject(), **mia(tenant)))
    request = api_key_pb2.ListApiKeysRequest(parent=f"organizations/{tenant.organization}")
    async with grpc.aio.insecure_channel(stack.environment["MEGAROUTER_ADMIN_ADDRESS"]) as channel:
        assert len((await Grpc(channel).call(LIST, request, token)).api_keys) == 1


async def test_a_linked_subject_keeps_its_user_when_the_address_changes(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    person = subject()
    await list_keys(identity_provider.token(person, **mia(tenant)))
    await list_keys(identity_provider.token(person, email="new@elsewhere.example", email_verified=True))
    await list_keys(identity_provider.token(person))


async def test_an_unknown_subject_becomes_a_user_without_permissions(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    person = subject()
    token = identity_provider.token(person, email=f"{person}@Else.Example", email_verified=True, name="Ann")
    assert await refusal(list_keys(token)) is grpc.StatusCode.PERMISSION_DENIED
    user = await tenant.database.fetchrow(
        "SELECT email, display_name FROM users WHERE user_id = $1",
        await tenant.database.fetchval(LINKED, ISSUER, person),
    )
    assert user is not None
    assert (user["email"], user["display_name"]) == (f"{person}@else.example", "Ann")


@pytest.mark.parametrize("verified", [False, None, "true", 1, "absent"])
async def test_an_unverified_address_is_neither_linked_nor_stored(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant, verified: object
) -> None:
    person, claims = subject(), mia(tenant)
    claims["email_verified"] = verified
    if verified == "absent":
        del claims["email_verified"]
    token = identity_provider.token(person, **claims)
    assert await refusal(list_keys(token)) is grpc.StatusCode.PERMISSION_DENIED
    user = await tenant.database.fetchval(LINKED, ISSUER, person)
    assert user != f"user-{tenant.organization}"
    assert await tenant.database.fetchval("SELECT email FROM users WHERE user_id = $1", user) is None


async def test_a_look_alike_of_an_address_does_not_link(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    kelvin = "\N{KELVIN SIGN}"  # lowercases to an ordinary k
    await tenant.database.execute(
        "UPDATE users SET email = $2 WHERE user_id = $1",
        f"user-{tenant.organization}", f"kim@{tenant.organization}.example",
    )  # fmt: skip
    claims = {"email": f"{kelvin}im@{tenant.organization}.example", "email_verified": True}
    token = identity_provider.token(subject(), **claims)
    assert await refusal(list_keys(token)) is grpc.StatusCode.PERMISSION_DENIED


Forge = Callable[[IdentityProvider, dict[str, Any]], str]


def _changed(**claims: Any) -> Forge:
    return lambda provider, good: provider.keys[0].sign({**good, **claims})


def _without(claim: str) -> Forge:
    return lambda provider, good: provider.keys[0].sign({name: good[name] for name in good if name != claim})


def _public_key_as_secret(provider: IdentityProvider, good: dict[str, Any]) -> str:
    key = provider.keys[0]
    assert isinstance(key, RsaKey)
    return sign_with_secret(key.public_pem, good, key.name)


def _other_payload(provider: IdentityProvider, good: dict[str, Any]) -> str:
    header, _, signature = provider.keys[0].sign({**good, "sub": "another"}).split(".")
    return f"{header}.{encode(json.dumps(good).encode())}.{signature}"


FORGERIES: dict[str, Forge] = {
    "expired": _changed(exp=int(time.time()) - 120),
    "without an end": _without("exp"),
    "not yet valid": _changed(nbf=int(time.time()) + 86_400),
    "for another application": _changed(aud="another"),
    "without an audience": _without("aud"),
    "of another issuer": _changed(iss="https://elsewhere.example"),
    "of no issuer": _without("iss"),
    "without a subject": _without("sub"),
    "with an empty subject": _changed(sub=""),
    "with a subject that is not a string": _changed(sub=["a"]),
    "signed by an unknown key": lambda _, good: RsaKey("rsa-9").sign(good),
    "signed by an unknown key with a known id": lambda _, good: RsaKey("rsa-1").sign(good),
    "without a signature": lambda _, good: unsigned({"alg": "none"}, good) + ".",
    "signed with the public key as a secret": _public_key_as_secret,
    "with another token's signature": _other_payload,
    "with a cut signature": lambda provider, good: provider.keys[0].sign(good)[:-20],
    "with a fourth part": lambda provider, good: provider.keys[0].sign(good) + ".x",
}


@pytest.mark.parametrize("case", FORGERIES)
async def test_an_invalid_token_is_refused(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant, case: str
) -> None:
    person = subject()
    good = identity_provider.claims(person, **mia(tenant))
    token = FORGERIES[case](identity_provider, good)
    assert await refusal(list_keys(token)) is grpc.StatusCode.UNAUTHENTICATED
    assert await tenant.database.fetchval(LINKED, ISSUER, person) is None
    await list_keys(identity_provider.keys[0].sign(good))  # a valid token with the same claims is accepted


async def test_two_credentials_in_one_call_are_refused(
    stack: Stack, session: aiohttp.ClientSession, identity_provider: IdentityProvider, tenant: Tenant
) -> None:
    good = identity_provider.token(subject(), **mia(tenant))
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/{tenant.organization}/apiKeys"
    for second in (good, stack.environment["MEGAROUTER_ADMIN_TOKEN"], "x"):
        headers = [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {second}")]
        async with session.get(url, headers=headers) as response:
            assert response.status == 401


async def test_a_payload_header_from_the_client_is_ignored(
    stack: Stack, session: aiohttp.ClientSession, identity_provider: IdentityProvider, tenant: Tenant
) -> None:
    payload = encode(json.dumps(identity_provider.claims(subject(), **mia(tenant))).encode())
    forged = f"{encode(b'{}')}.{payload}.{encode(b'signature')}"
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/{tenant.organization}/apiKeys"
    for headers in (
        {"x-megarouter-identity": payload},
        {"x-megarouter-identity": payload, "authorization": f"Bearer {forged}"},
        {"X-MegaRouter-Identity": payload, "authorization": f"Bearer {forged}", "x-megarouter-edge-secret": "0" * 64},
    ):
        async with session.get(url, headers=headers) as response:
            assert response.status == 401


async def test_a_caller_that_bypasses_envoy_cannot_claim_an_identity(
    stack: Stack, identity_provider: IdentityProvider, tenant: Tenant
) -> None:
    token = identity_provider.token(subject(), **mia(tenant))
    payload = token.split(".")[1]
    request = api_key_pb2.ListApiKeysRequest(parent=f"organizations/{tenant.organization}")
    secret = json.loads(stack.home.secrets_file.read_text(encoding="utf-8"))["edge_secret"]
    path = f"/{LIST.containing_service.full_name}/{LIST.name}"

    async def code(*proof: tuple[str, str]) -> grpc.StatusCode:
        metadata = [("authorization", f"Bearer {token}"), ("x-megarouter-identity", payload), *proof]
        async with grpc.aio.insecure_channel(f"unix:{stack.home.socket('admin')}") as channel:
            rpc = channel.unary_unary(
                path,
                request_serializer=type(request).SerializeToString,
                response_deserializer=api_key_pb2.ListApiKeysResponse.FromString,
            )
            return await rpc(request, metadata=metadata, timeout=5).code()

    header = "x-megarouter-edge-secret"
    assert await code() is grpc.StatusCode.UNAUTHENTICATED
    for wrong in ("", "0" * 64, secret[:-1], secret.upper() + " "):
        assert await code((header, wrong)) is grpc.StatusCode.UNAUTHENTICATED
    assert await code((header, secret), (header, secret)) is grpc.StatusCode.UNAUTHENTICATED
    # The call passes with the proof, so the missing proof was the reason above.
    assert await code((header, secret)) is grpc.StatusCode.OK


async def test_the_audit_log_takes_address_and_call_id_only_from_envoy(
    stack: Stack, session: aiohttp.ClientSession, identity_provider: IdentityProvider, tenant: Tenant
) -> None:
    token = identity_provider.token(subject(), **mia(tenant))
    name = f"organizations/{tenant.organization}/apiKeys/key-1"
    lies = {"x-megarouter-client-address": "203.0.113.9", "x-forwarded-for": "203.0.113.9", "x-request-id": "mine"}
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/{name}:disable"
    async with session.post(url, json={}, headers={**lies, "authorization": f"Bearer {token}"}) as response:
        assert response.status == 200
        call_id = response.headers["x-request-id"]
    query = "SELECT address, call_id FROM audit_log WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 1"
    (entry,) = await tenant.database.fetch(query, tenant.organization)
    assert (entry["address"], entry["call_id"]) == ("127.0.0.1", call_id)


async def test_a_signing_key_rotated_by_the_issuer_is_accepted(
    identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    claims, old, new = identity_provider.claims(subject(), **mia(tenant)), identity_provider.keys, RsaKey("rsa-2")
    await list_keys(old[0].sign(claims))
    identity_provider.keys = [new]
    try:
        assert await _within_5_s(lambda: list_keys(new.sign(claims)), None)
        assert await _within_5_s(lambda: list_keys(old[0].sign(claims)), grpc.StatusCode.UNAUTHENTICATED)
    finally:
        identity_provider.keys = old
    assert await _within_5_s(lambda: list_keys(old[0].sign(claims)), None)


async def _within_5_s(call: Callable[[], Awaitable[Any]], wanted: grpc.StatusCode | None) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        code = None
        try:
            await call()
        except CallError as error:
            code = error.code
        if code is wanted:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_no_token_or_secret_is_in_a_log_or_process_list(
    stack: Stack, identity_provider: IdentityProvider, list_keys: ListKeys, tenant: Tenant
) -> None:
    token = identity_provider.token(subject(), **mia(tenant), aud=AUDIENCE)
    await list_keys(token)
    await refusal(list_keys(token[:-9]))
    secret = json.loads(stack.home.secrets_file.read_text(encoding="utf-8"))["edge_secret"]
    written = "".join(file.read_text(errors="replace") for file in stack.home.logs.iterdir())
    commands = _command_lines()
    bootstrap = stack.home.envoy_files.bootstrap_file.read_text()
    for hidden in (token.split(".")[2][:20], secret, base64.b64encode(secret.encode()).decode()):
        assert hidden not in written + commands + bootstrap


def _command_lines() -> str:
    texts = []
    for process in os.scandir("/proc"):
        if process.name.isdigit():
            try:
                with open(f"/proc/{process.name}/cmdline", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    texts.append(file.read())
            except OSError:
                continue  # the process has ended
    return "\n".join(texts)


def method(module: Any, service: str, name: str) -> Any:
    return module.DESCRIPTOR.services_by_name[service].methods_by_name[name]


async def test_a_user_without_an_invite_gets_no_credit_and_no_call(
    stack: Stack, identity_provider: IdentityProvider, rest: Rest, session: aiohttp.ClientSession, tenant: Tenant
) -> None:
    """Signing in is enough for a personal account and a key, and for nothing that costs credit."""
    token = identity_provider.token(subject(), name="Stranger")
    listing = account_pb2.ListMyAccountsRequest()
    (account,) = (await rest.call(method(account_pb2, "Accounts", "ListMyAccounts"), listing, token)).accounts
    key = await rest.call(
        method(api_key_pb2, "ApiKeys", "CreateApiKey"),
        api_key_pb2.CreateApiKeyRequest(
            parent=account.organization, api_key=api_key_pb2.ApiKey(display_name="Mine"), request_id=str(uuid.uuid4())
        ),
        token,
    )
    for organization in (account.organization, f"organizations/{tenant.organization}"):
        top_up = credit_pb2.TopUpCreditRequest(
            parent=organization, amount_nano_credits=10**15, request_id=str(uuid.uuid4())
        )
        code = await refusal(rest.call(method(credit_pb2, "Credits", "TopUpCredit"), top_up, token))
        assert code in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED}
    create = organization_pb2.CreateOrganizationRequest(organization=organization_pb2.Organization(display_name="Mine"))
    creating = rest.call(method(organization_pb2, "Organizations", "CreateOrganization"), create, token)
    assert await refusal(creating) is grpc.StatusCode.PERMISSION_DENIED
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
    async with session.post(url, json=body, headers={"authorization": f"Bearer {key.secret}"}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (402, "credit_exhausted")


async def test_a_recycled_address_gets_no_credit_no_key_and_no_call(
    identity_provider: IdentityProvider, rest: Rest, list_keys: ListKeys, tenant: Tenant
) -> None:
    """A new person with the address of somebody who left is not that person."""
    await list_keys(identity_provider.token(subject(), **mia(tenant)))
    newcomer = subject()
    token = identity_provider.token(newcomer, **mia(tenant))
    create = api_key_pb2.CreateApiKeyRequest(
        parent=f"organizations/{tenant.organization}", api_key=api_key_pb2.ApiKey(display_name="Mine")
    )
    top_up = credit_pb2.TopUpCreditRequest(
        parent=f"organizations/{tenant.organization}", amount_nano_credits=1, request_id=str(uuid.uuid4())
    )
    for called, request in (
        (LIST, api_key_pb2.ListApiKeysRequest(parent=f"organizations/{tenant.organization}")),
        (method(api_key_pb2, "ApiKeys", "CreateApiKey"), create),
        (method(credit_pb2, "Credits", "TopUpCredit"), top_up),
        (method(account_pb2, "Accounts", "ListMyAccounts"), account_pb2.ListMyAccountsRequest()),
    ):
        with pytest.raises(CallError) as failed:
            await rest.call(called, request, token)
        info = failed.value.detail(error_details_pb2.ErrorInfo)
        assert (info.reason, dict(info.metadata)) == ("IDENTITY_NOT_LINKED", {"issuer": ISSUER, "subject": newcomer})
    assert await tenant.database.fetchval(LINKED, ISSUER, newcomer) is None


async def test_a_sign_in_link_is_exchanged_through_rest_and_never_logged(
    stack: Stack, session: aiohttp.ClientSession
) -> None:
    url, admin = stack.environment["MEGAROUTER_ADMIN_URL"], stack.environment["MEGAROUTER_ADMIN_TOKEN"]

    async def post(path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        async with session.post(
            f"{url}/v1/{path}", json=body, headers={"authorization": f"Bearer {token}"}
        ) as response:
            return response.status, await response.json()

    _, made = await post("organizations/acme/signInLinks", admin, {"member": "organizations/acme/members/sofia"})
    status, signed_in = await post("signInLinks:exchange", made["secret"], {})
    assert (status, signed_in["member"]) == (200, "organizations/acme/members/sofia")
    status, refused = await post("signInLinks:exchange", made["secret"], {})
    assert (status, refused["details"][0]["reason"]) == (401, "SIGN_IN_LINK_INVALID")
    written = "".join(file.read_text(errors="replace") for file in stack.home.logs.iterdir())
    for secret in (made["secret"], signed_in["secret"]):
        assert secret not in written
