"""The tokens of Entra ID and Okta as they are: what they leave out makes no one another person and takes no role."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.admin_service.resources.claim_mappings.test_service import DENIED, LIST_KEYS, mapping, standing
from tests.contract.admin_service.sign_in.conftest import signed_in

OK = grpc.StatusCode.OK
TENANT = "9122040d-6c67-4c5b-b112-36a304b66dad"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
OKTA = "https://acme.okta.example"
STAFF, LEADS = "6a0b8f1c-7d5e-4f0e-8f43-2d6ab0ac9f11", "f2b6d9a0-1c4a-4b0d-9b53-8a1f0f7e3c22"
PROVIDERS = {
    "identity_providers": [
        {"issuer": ENTRA, "email_domains": ["example.org"], "email_claim": "preferred_username", "organizations": ["acme"]},
        {"issuer": OKTA, "email_domains": ["example.org"], "organizations": ["acme"]},
    ]
}  # fmt: skip


@pytest.fixture
async def client(settings: AdminSettings, tmp_path: Path, people: None) -> AsyncIterator[Client]:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps(PROVIDERS), encoding="utf-8")
    async with running_service(settings.model_copy(update={"identity_providers_file": file})) as (_, calling):
        yield calling


def entra(subject: str, **claims: object) -> dict[str, Any]:
    """Returns the options of a call with an ID token of Entra ID: no `email_verified`, and `email` only if it is asked for."""
    always = {"oid": f"oid-{subject}", "tid": TENANT, "ver": "2.0", "preferred_username": f"{subject}@example.org"}
    content: dict[str, Any] = {**always, **claims}
    return signed_in(subject, issuer=ENTRA, name=subject.title(), **content)


def overage(*, implicit: bool = False) -> dict[str, object]:
    """Returns what a token has in place of more groups than fit."""
    if implicit:
        return {"hasgroups": "true"}
    endpoint = f"https://graph.microsoft.com/v1.0/users/{TENANT}/getMemberObjects"
    return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": endpoint}}}


async def how_ends(client: Client, options: dict[str, Any]) -> grpc.StatusCode:
    """Returns how a call in the organization ends."""
    try:
        await client.call("ListApiKeys", LIST_KEYS, **options)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return OK


async def test_entra_s_username_is_the_address(client: Client, owner: asyncpg.Connection) -> None:
    assert await how_ends(client, entra("mia", preferred_username="Member@Example.org")) is OK
    assert await owner.fetchval("SELECT user_id FROM user_identities WHERE subject = 'mia'") == "member"
    # A later name is followed, and one of another domain is no address.
    assert await how_ends(client, entra("mia", preferred_username="mia.lee@example.org")) is OK
    assert await how_ends(client, entra("mia", preferred_username="mia@elsewhere.example")) is OK
    assert await owner.fetchval("SELECT email FROM users WHERE user_id = 'member'") == "mia.lee@example.org"


async def test_an_address_that_anyone_can_write_at_entra_makes_no_one_the_super_admin(
    client: Client, owner: asyncpg.Connection
) -> None:
    attempts: tuple[dict[str, object], ...] = (
        {"preferred_username": "visitor", "email": "super@example.org"},
        {"preferred_username": "super@elsewhere.example", "email": "super@example.org"},
        {"preferred_username": "super_example.org#EXT#@elsewhere.example"},
        {"preferred_username": "super@example.org", "email_verified": False},
        {"preferred_username": "super@example.org", "xms_edov": False},
    )
    for number, claims in enumerate(attempts):
        assert await how_ends(client, entra(f"eve-{number}", **claims)) is DENIED, claims
    assert await owner.fetchval("SELECT count(*) FROM user_identities WHERE user_id = 'super'") == 0


@pytest.mark.parametrize("implicit", [False, True])
async def test_more_groups_than_fit_are_not_no_groups(
    client: Client, owner: asyncpg.Connection, *, implicit: bool
) -> None:
    """Seen to fail without the check: the Sub-Admin became a suspended Member."""
    await client.call("CreateClaimMapping", mapping(LEADS, "SUB_ADMIN", "platform", ENTRA))
    assert await how_ends(client, entra("ann", groups=[STAFF, LEADS])) is OK
    for claims in (overage(implicit=implicit), {**overage(implicit=implicit), "groups": []}):
        assert await how_ends(client, entra("ann", **claims)) is OK
        assert await standing(owner, "ann") == ("SUB_ADMIN", "platform", "ACTIVE")
    # Nor do they give anything.
    assert await how_ends(client, entra("ben", **overage(implicit=implicit))) is DENIED
    assert await standing(owner, "ben") is None
    # Groups that fit again count again, and app roles can be mapped instead of groups.
    assert await how_ends(client, entra("ann", groups=[STAFF])) is DENIED
    assert await standing(owner, "ann") == ("MEMBER", "platform", "SUSPENDED")
    await client.call("CreateClaimMapping", mapping("Gateway.Lead", "SUB_ADMIN", "platform", ENTRA, claim="roles"))
    assert await how_ends(client, entra("ann", roles=["Gateway.Lead"])) is OK


async def test_okta_s_groups_are_one_text_or_several(client: Client, owner: asyncpg.Connection) -> None:
    """One text is one group, whatever separators it has, because names of groups may have them."""
    await client.call("CreateClaimMapping", mapping(issuer=OKTA))
    tokens: tuple[tuple[object, bool], ...] = (
        ("staff", True), (["staff"], True), (["Everyone", "staff"], True), ("Everyone", False), ("staff,Everyone", False),
        ("", False),
    )  # fmt: skip
    for number, (groups, has_role) in enumerate(tokens):
        person = f"ann-{number}"
        address = f"{person}@example.org"
        options = signed_in(person, address, OKTA, preferred_username=address, groups=groups)
        assert await how_ends(client, options) is (OK if has_role else DENIED), groups
        assert (await standing(owner, person) is not None) is has_role, groups


async def test_groups_in_a_form_that_is_not_known_take_no_role(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping(issuer=OKTA))
    assert await how_ends(client, signed_in("ann", "ann@example.org", OKTA, groups=["staff"])) is OK
    for groups in ([{"id": "1", "name": "staff"}], {"staff": True}, [["staff"]]):
        assert await how_ends(client, signed_in("ann", "ann@example.org", OKTA, groups=groups)) is OK
    assert await standing(owner, "ann") == ("MEMBER", "sales", "ACTIVE")
