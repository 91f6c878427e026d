"""Tokens: forged, of another kind, of another deployment, ended, or written so that two readers see two of them."""

import base64
import hashlib
import json
import os
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.organization.bearer_secrets import (
    ACCESS_TOKEN,
    API_KEY,
    CREDENTIAL,
    INVITE_TOKEN,
    SIGN_IN_LINK,
    hash_secret,
)
from tests.e2e.admin.test_identity import FORGERIES, mia, subject
from tests.e2e.conftest import Witness
from tests.support.attacks import secrets_shown
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.companies import Company
from tests.support.attacks.raw_http import Answer, exchange
from tests.support.data.tenants import Tenant
from tests.support.servers.identity_provider import IdentityProvider, RsaKey, encode, sign_with_secret, unsigned

REFUSED: Final = frozenset({400, 401, 403})
MODEL_BODY: Final = b'{"model":"gpt-4o-mini","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}'


def signed(key: RsaKey, header: dict[str, Any], claims: Any) -> str:
    """Returns a token with a true signature over any header and claims."""
    content = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    text = f"{encode(json.dumps(header).encode())}.{encode(content)}"
    return f"{text}.{encode(key.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


Forge = Callable[[RsaKey, RsaKey, dict[str, Any]], str]
"""Takes the identity provider's key, the attacker's, and good claims."""


def _own(**header: Any) -> Forge:
    return lambda true, own, good: signed(own, {"alg": "RS256", "kid": true.name, **header}, good)


def _headed(**header: Any) -> Forge:
    return lambda true, _, good: signed(true, {"alg": "RS256", "kid": true.name, **header}, good)


def _claims(**claims: Any) -> Forge:
    return lambda true, _, good: true.sign({**good, **claims})


def _with_own_key(true: RsaKey, own: RsaKey, good: dict[str, Any]) -> str:
    return signed(own, {"alg": "RS256", "kid": true.name, "jwk": {**own.public, "kid": true.name}}, good)


def _twice(claim: str, value: str) -> Forge:
    def forge(true: RsaKey, _: RsaKey, good: dict[str, Any]) -> str:
        wrong = json.dumps({claim: value})[1:-1]
        return signed(true, {"alg": "RS256", "kid": true.name}, f"{{{wrong},{json.dumps(good)[1:]}".encode())

    return forge


def _bare(alg: object) -> Forge:
    return lambda _, __, good: unsigned({"alg": alg}, good) + "."


FORGED: Final[dict[str, Forge]] = {
    **{f"alg {alg!r} without a signature": _bare(alg) for alg in ("None", "nOnE", "NONE", "", None, "none\x00", ["none"])},
    "alg none with a signature": _own(alg="none"),
    "alg HS256 with an empty secret": lambda true, _, good: sign_with_secret(b"", good, true.name),
    "alg HS256 with the published key": lambda true, _, good: sign_with_secret(
        json.dumps({"keys": [true.public]}).encode(), good, true.name
    ),
    "alg HS256 with the key's name": lambda true, _, good: sign_with_secret(true.name.encode(), good, true.name),
    "alg ES256 with zeros": lambda _, __, good: unsigned({"alg": "ES256", "kid": "ec-1"}, good) + "." + encode(bytes(64)),
    "alg RS256 with the key id of another kind": _own(kid="ec-1"),
    "alg that does not exist": _own(alg="RS1"),
    "an attacker's key by a known id": _own(),
    "an attacker's key by a path": _own(kid="../../../../dev/null"),
    "an attacker's key by SQL": _own(kid="x' UNION SELECT 'key"),
    "an attacker's key by a URL": _own(kid="http://127.0.0.1:9/keys"),
    "an attacker's key without an id": _own(kid=None),
    "an attacker's key by a list": _own(kid=["rsa-1"]),
    "an attacker's key inside": _with_own_key,
    "an attacker's key at jku": _own(jku="http://127.0.0.1:9/keys"),
    "an attacker's key at x5u": _own(x5u="http://127.0.0.1:9/keys"),
    "an attacker's certificate": _own(x5c=["MIIB"]),
    "nested in another": lambda true, own, good: signed(own, {"alg": "RS256", "cty": "JWT"}, {"x": true.sign(good)}),
    "encrypted": lambda _, __, ___: ".".join([encode(b'{"alg":"dir","enc":"A256GCM"}'), "", "AAAA", "AAAA", "AAAA"]),
    "issued by a look-alike": _claims(iss="https://id.ex\u0430mple"),
    "issued with a slash": _claims(iss="https://id.example/"),
    "issued in capitals": _claims(iss="HTTPS://ID.EXAMPLE"),
    "issued by a list": _claims(iss=["https://id.example"]),
    "issued by a path below": _claims(iss="https://id.example/evil"),
    "for a longer audience": _claims(aud="megarouter-test2"),
    "for an audience in capitals": _claims(aud="MEGAROUTER-TEST"),
    "for an empty list": _claims(aud=[]),
    "for an object": _claims(aud={"megarouter-test": True}),
    "expired by text": _claims(exp="9999999999x"),
    "expired long ago": _claims(exp=0),
    "expired before zero": _claims(exp=-1),
    "expired at no time": _claims(exp=None),
    "valid in an hour": _claims(nbf=int(time.time()) + 3_600),
    "a subject that is an object": _claims(sub={"a": 1}),
    "claims that are a list": lambda true, _, __: signed(true, {"alg": "RS256", "kid": true.name}, []),
    "claims that are no JSON": lambda true, _, __: signed(true, {"alg": "RS256", "kid": true.name}, b"{"),
    "claims in base64 with padding": lambda true, _, good: true.sign(good).replace(".", "=.", 1),
    "a line end inside": lambda true, _, good: true.sign(good).replace(".", ".\t", 1),
    "a signature of zeros": lambda _, __, good: unsigned({"alg": "RS256", "kid": "rsa-1"}, good) + "." + encode(bytes(256)),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_identity_token_is_refused(
    stack: Stack, identity_provider: IdentityProvider, tenant: Tenant, case: str
) -> None:
    """The same claims with an honest signature are accepted."""
    true = identity_provider.keys[0]
    assert isinstance(true, RsaKey)
    good = identity_provider.claims(subject(), **mia(tenant))
    token = FORGED[case](true, RsaKey("rsa-1"), good)
    secrets_shown.remember(true.sign(good).rpartition(".")[2])
    assert (await admin(stack, tenant, f"authorization: Bearer {token}")).status in REFUSED
    assert (await admin(stack, tenant, f"authorization: Bearer {true.sign(good)}")).status == 200


def test_the_forgeries_of_the_end_to_end_tests_are_others() -> None:
    assert not FORGERIES.keys() & FORGED.keys()


def request(method: str, path: str, lines: list[str], body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "host: a", "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*head, *lines, "", ""]).encode("latin-1", "surrogateescape") + body


async def admin(stack: Stack, tenant: Tenant, *lines: str, query: str = "") -> Answer:
    """Lists the tenant's keys with these header lines."""
    path = f"/v1/organizations/{tenant.organization}/apiKeys{query}"
    (answer,) = await exchange(stack.ports.admin, request("GET", path, list(lines)))
    return answer


async def model(stack: Stack, *lines: str, path: str = "/v1/chat/completions") -> Answer:
    """Calls a model with these header lines."""
    (answer,) = await exchange(stack.ports.model, request("POST", path, list(lines), MODEL_BODY))
    return answer


def tampered(secret: str) -> dict[str, str]:
    """Returns texts that differ from a secret in a way that some readers overlook."""
    head, _, checksum = secret.rpartition("-")
    last = "A" if head[-1] != "A" else "B"
    return {
        "in capitals": secret.upper(),
        "in lower case": secret.lower(),
        "cut": secret[:-1],
        "longer": f"{secret}a",
        "with a suffix": f"{secret}-000000",
        "with a dot": f"{secret}.",
        "with an inner space": f"{secret[:10]} {secret[10:]}",
        "twice": f"{secret} {secret}",
        "twice with a comma": f"{secret},{secret}",
        "in quotes": f'"{secret}"',
        "percent-encoded": urllib.parse.quote(secret, safe="").replace("-", "%2D"),
        "in base64": base64.b64encode(secret.encode()).decode(),
        "its hash": hashlib.sha256(secret.encode()).hexdigest(),
        "with a look-alike": secret.replace("-", "\u2010".encode().decode("latin-1"), 1),
        "with bytes beyond ASCII": f"{secret}\xff",
        "with another character and the old checksum": f"{head[:-1]}{last}-{checksum}",
        "only its prefix": secret.partition("-")[0] + "-",
        "overlong": secret + "a" * 20_000,
        "without its prefix": secret.partition("-")[2],
        "with the prefix of a key": "mr-" + secret.partition("-")[2] if not secret.startswith("mr-") else "mrt" + secret[2:],
        "with SQL": f"{secret}' OR '1'='1",
        "with a wildcard": f"{secret[:20]}%",
        "empty": "",
    }  # fmt: skip


TAMPERINGS: Final = list(tampered(API_KEY.make(bytes(32))))


@pytest.mark.parametrize("case", TAMPERINGS)
async def test_a_tampered_api_key_is_refused(stack: Stack, tenant: Tenant, witness: Witness, case: str) -> None:
    accounts = Accounts(tenant, witness)
    await accounts.open()
    text = tampered(tenant.key)[case]
    for line in (f"authorization: Bearer {text}", f"x-api-key: {text}"):
        assert (await model(stack, line)).status in REFUSED | {431}, line
    await accounts.close(0)


@pytest.mark.parametrize("case", TAMPERINGS)
async def test_a_tampered_access_token_is_refused(stack: Stack, home: Company, tenant: Tenant, case: str) -> None:
    text = tampered(home.tokens["super"])[case]
    line = f"authorization: Bearer {text}"
    path = f"/v1/{home.name}/apiKeys"
    (answer,) = await exchange(stack.ports.admin, request("GET", path, [line]))
    assert answer.status in REFUSED | {431}


SCHEMES: Final = {
    "Basic": "authorization: Basic {base64}",
    "Basic with the plain key": "authorization: Basic {key}",
    "no scheme": "authorization: {key}",
    "Token": "authorization: Token {key}",
    "Digest": 'authorization: Digest username="{key}"',
    "no space": "authorization: Bearer{key}",
    "equals sign": "authorization: Bearer={key}",
    "two schemes": "authorization: Bearer Bearer {key}",
    "cookie": "cookie: authorization=Bearer%20{key}",
    "proxy": "proxy-authorization: Bearer {key}",
    "another header": "x-authorization: Bearer {key}",
    "underscore": "x_api_key: {key}",
    "forwarded": "x-forwarded-authorization: Bearer {key}",
    "original": "x-original-authorization: Bearer {key}",
}


@pytest.mark.parametrize("line", SCHEMES.values(), ids=SCHEMES)
async def test_a_key_in_another_place_is_no_key(stack: Stack, tenant: Tenant, witness: Witness, line: str) -> None:
    accounts = Accounts(tenant, witness)
    await accounts.open()
    encoded = base64.b64encode(f"{tenant.key}:".encode()).decode()
    assert (await model(stack, line.format(key=tenant.key, base64=encoded))).status in REFUSED
    await accounts.close(0)


PAIRS: Final = {
    "a good and a bad one": ("authorization: Bearer {good}", "authorization: Bearer {other}"),
    "a bad and a good one": ("authorization: Bearer {other}", "authorization: Bearer {good}"),
    "two good ones": ("authorization: Bearer {good}", "authorization: Bearer {good}"),
    "in two spellings": ("Authorization: Bearer {good}", "AUTHORIZATION: Bearer {other}"),
    "with a comma": ("authorization: Bearer {good}, Bearer {other}",),
    "with a comma, the other first": ("authorization: Bearer {other}, Bearer {good}",),
    "a key header beside": ("authorization: Bearer {good}", "x-api-key: {other}"),
    "a Google key beside": ("authorization: Bearer {good}", "x-goog-api-key: {other}"),
    "two key headers": ("x-api-key: {good}", "x-api-key: {other}"),
}


@pytest.mark.parametrize("lines", PAIRS.values(), ids=PAIRS)
async def test_two_keys_in_one_call_are_refused(
    stack: Stack, tenant: Tenant, home: Company, witness: Witness, lines: tuple[str, ...]
) -> None:
    """Both are true keys, of two organizations."""
    accounts = Accounts(tenant, witness)
    await accounts.open()
    sent = [line.format(good=tenant.key, other=home.keys["member"]) for line in lines]
    assert (await model(stack, *sent)).status in REFUSED
    await accounts.close(0)


@dataclass(frozen=True)
class Kind:
    """Makes a secret of a kind that is stored, true, and not for this door."""

    make: Callable[[], str]
    statement: str


EVERY_KIND: Final = {
    "an invite token": Kind(
        lambda: INVITE_TOKEN.make(os.urandom(32)),
        "UPDATE invites SET secret_hash = $2 WHERE organization_id = $1 AND invite_id = 'invite-super'",
    ),
    "a sign-in link": Kind(
        lambda: SIGN_IN_LINK.make(os.urandom(32)),
        "UPDATE sign_in_links SET secret_hash = $2 WHERE organization_id = $1 AND sign_in_link_id = 'link-super'",
    ),
    "a credential without the permission": Kind(
        lambda: CREDENTIAL.make(os.urandom(32)),
        "UPDATE credentials SET secret_hash = $2 WHERE organization_id = $1 AND credential_id = 'cred-1'",
    ),
    "an API key": Kind(
        lambda: API_KEY.make(os.urandom(32)),
        "UPDATE api_keys SET secret_hash = $2 WHERE organization_id = $1 AND api_key_id = 'key-super'",
    ),
}


@pytest.mark.parametrize("case", EVERY_KIND)
async def test_a_secret_of_another_kind_opens_no_door_of_the_admin_api(
    stack: Stack, database: asyncpg.Pool, pepper: bytes, disposable: Company, case: str
) -> None:
    secret = EVERY_KIND[case].make()
    secrets_shown.remember(secret)
    done = await database.execute(EVERY_KIND[case].statement, disposable.ident, hash_secret(secret, pepper))
    assert done == "UPDATE 1"
    for path in (f"/v1/{disposable.name}/apiKeys", "/v1/users/me", "/scim/v2/Users"):
        (answer,) = await exchange(stack.ports.admin, request("GET", path, [f"authorization: Bearer {secret}"]))
        assert answer.status in REFUSED, path


@pytest.mark.parametrize("case", [*EVERY_KIND, "an access token"])
async def test_a_secret_of_another_kind_calls_no_model(
    stack: Stack, database: asyncpg.Pool, pepper: bytes, disposable: Company, witness: Witness, case: str
) -> None:
    secret = disposable.tokens["super"]
    if case in EVERY_KIND:
        secret = EVERY_KIND[case].make()
        await database.execute(EVERY_KIND[case].statement, disposable.ident, hash_secret(secret, pepper))
    before = await witness.last_sequence()
    for line in (f"authorization: Bearer {secret}", f"x-api-key: {secret}", f"x-goog-api-key: {secret}"):
        answer = await model(stack, line)
        # A true API key passes this door, and ends at the credit that its organization does not have.
        assert answer.status in ({402} if case == "an API key" else REFUSED), line
    assert await witness.last_sequence() == before


async def test_secrets_of_another_deployment_are_refused(
    stack: Stack, database: asyncpg.Pool, disposable: Company
) -> None:
    """They have the right form, and the database even has their hashes, but with another pepper."""
    key, token = API_KEY.make(os.urandom(32)), ACCESS_TOKEN.make(os.urandom(32))
    await database.execute(
        "UPDATE api_keys SET secret_hash = $2 WHERE organization_id = $1 AND api_key_id = 'key-super'",
        disposable.ident, hash_secret(key, bytes(32)),
    )  # fmt: skip
    await database.execute(
        "UPDATE access_tokens SET secret_hash = $2 WHERE user_id = $1 || '-super'",
        disposable.ident, hash_secret(token, bytes(32)),
    )  # fmt: skip
    assert (await model(stack, f"authorization: Bearer {key}")).status == 401
    line = f"authorization: Bearer {token}"
    (answer,) = await exchange(stack.ports.admin, request("GET", f"/v1/{disposable.name}/apiKeys", [line]))
    assert answer.status == 401


ENDED: Final = {
    "revoked": "UPDATE access_tokens SET revoke_time = now() WHERE user_id = $1 || '-super'",
    "expired": "UPDATE access_tokens SET expire_time = now() WHERE user_id = $1 || '-super'",
    "of a suspended member": "UPDATE members SET state = 'SUSPENDED' WHERE organization_id = $1 AND member_id = 'super'",
    "of a removed member": "UPDATE members SET state = 'REMOVED' WHERE organization_id = $1 AND member_id = 'super'",
    "of a deleted token": "DELETE FROM access_tokens WHERE user_id = $1 || '-super'",
}


@pytest.mark.parametrize("statement", ENDED.values(), ids=ENDED)
async def test_an_ended_access_token_is_refused_at_once(
    stack: Stack, database: asyncpg.Pool, disposable: Company, statement: str
) -> None:
    asked = request("GET", f"/v1/{disposable.name}/apiKeys", [f"authorization: Bearer {disposable.tokens['super']}"])
    (before,) = await exchange(stack.ports.admin, asked)
    await database.execute(statement, disposable.ident)
    (after,) = await exchange(stack.ports.admin, asked)
    assert (before.status, after.status in REFUSED) == (200, True)
