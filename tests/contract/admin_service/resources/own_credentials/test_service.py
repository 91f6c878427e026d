"""Super Admins set their organization's own keys at providers. No Envoy listens here: `tests/e2e/live` has two."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import own_provider_credential_pb2 as pb

from admin_service.discovery.own_keys import KEPT_S, OwnKey, OwnKeyFiles
from admin_service.discovery.reading import WantedReader
from admin_service.discovery.resealing import reseal
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace
from admin_service.resources.own_credentials import service
from gateway_core.model.catalog.entries import Catalog
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.postgres.identity_store import principal_of_api_key
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.admin_service.resources.catalog_changes.test_service import MODEL, PROVIDER

KEY, NEW_KEY = bytes(range(32)), bytes(range(1, 33))
SECRET = "sk-own-of-acme-1f2e3d"
AUTHENTICATIONS = {
    "signed": {"kind": "aws_signature", "region": "eu-central-1", "service": "bedrock"},
    "token": {"kind": "google_service_account"},
}
TABLE = "organization_provider_credentials"


@pytest.fixture
async def client(settings: AdminSettings, people: None) -> AsyncIterator[Client]:
    keyed = AdminSettings.model_validate({**settings.model_dump(), "credential_key": KEY.hex()})
    async with running_service(keyed) as (_, calling):
        yield calling


@pytest.fixture(autouse=True)
async def stored(client: Client, owner: asyncpg.Connection) -> None:
    """Two providers on offer, one whose calls are signed, one whose calls carry a token, and one without a model."""
    providers = [
        {**PROVIDER, "name": name, "credential_env": "A_KEY", "authentication": AUTHENTICATIONS.get(name)}
        for name in ("first", "second", "signed", "token", "idle")
    ]
    models = [{**MODEL, "name": f"{name}-model", "provider": name} for name in ("first", "second", "signed", "token")]
    await sync_catalog(owner, Catalog.model_validate({"providers": providers, "models": models}))


def name_of(provider: str = "first", organization: str = "acme") -> str:
    return f"organizations/{organization}/providerCredentials/{provider}"


def setting(provider: str = "first", secret: str = SECRET, organization: str = "acme") -> Any:
    return pb.SetOwnProviderCredentialRequest(name=name_of(provider, organization), secret=secret)


async def own_keys(owner: asyncpg.Connection, key: str = "key-super", organization: str = "acme") -> dict[str, str]:
    """Returns what authz_service knows of an organization's own keys."""
    principal = await principal_of_api_key(owner, organization, key)
    assert principal is not None
    return {one.provider: one.credential for one in principal.own_keys}


async def test_a_super_admin_sets_replaces_and_removes_a_key(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("SetOwnProviderCredential", setting())
    assert (made.name, made.setter, len(made.fingerprint)) == (name_of(), "users/super", 8)
    assert made.setter_display_name == "super"
    [first] = (await own_keys(owner)).items()
    replaced = await client.call("SetOwnProviderCredential", setting(secret=f"{SECRET}-2"))
    assert replaced.fingerprint != made.fingerprint
    [second] = (await own_keys(owner)).items()
    assert first[0] == second[0] == "first"
    assert first[1] != second[1]  # so that the file of a key never changes
    assert await own_keys(owner, "key-stranger", "other") == {}
    listed = await client.call(
        "ListOwnProviderCredentials", pb.ListOwnProviderCredentialsRequest(parent="organizations/acme")
    )
    assert list(listed.own_provider_credentials) == [replaced]
    cleared = await client.call("ClearOwnProviderCredential", pb.ClearOwnProviderCredentialRequest(name=name_of()))
    assert cleared == pb.OwnProviderCredential(name=name_of())
    assert await own_keys(owner) == {}
    assert await owner.fetchval(f"SELECT count(*) FROM {TABLE}") == 0  # noqa: S608 - a constant
    assert (
        await client.call("ClearOwnProviderCredential", pb.ClearOwnProviderCredentialRequest(name=name_of())) == cleared
    )


async def test_a_key_keeps_calls_to_own_keys_unless_it_is_set_otherwise(
    client: Client, owner: asyncpg.Connection
) -> None:
    for falls_back in (False, True, False):
        made = await client.call(
            "SetOwnProviderCredential",
            pb.SetOwnProviderCredentialRequest(name=name_of(), secret=SECRET, gateway_fallback=falls_back),
        )
        assert made.gateway_fallback is falls_back
        principal = await principal_of_api_key(owner, "acme", "key-super")
        assert principal is not None
        assert [one.gateway_fallback for one in principal.own_keys] == [falls_back]
    search = pb.SearchOwnProviderCredentialsRequest(parent="organizations/acme")
    found = await client.call("SearchOwnProviderCredentials", search, "operator")
    assert list(found.own_provider_credentials) == [made]


async def test_only_super_admins_of_the_organization_may(client: Client, owner: asyncpg.Connection) -> None:
    requests = {
        "SetOwnProviderCredential": setting(),
        "ClearOwnProviderCredential": pb.ClearOwnProviderCredentialRequest(name=name_of()),
        "ListOwnProviderCredentials": pb.ListOwnProviderCredentialsRequest(parent="organizations/acme"),
    }
    await client.call("SetOwnProviderCredential", setting())
    for method, request in requests.items():
        for member in ("l1", "sub", "member", "stranger", "operator"):
            assert await client.code(method, request, member) is grpc.StatusCode.PERMISSION_DENIED, (method, member)
    assert (await own_keys(owner)).keys() == {"first"}


async def test_operators_see_that_there_is_a_key_and_remove_it(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("SetOwnProviderCredential", setting())
    search = pb.SearchOwnProviderCredentialsRequest(parent="organizations/acme")
    revoke = pb.RevokeOwnProviderCredentialRequest(name=name_of())
    for member in ("super", "l1", "sub", "member", "stranger"):
        assert await client.code("SearchOwnProviderCredentials", search, member) is grpc.StatusCode.PERMISSION_DENIED
        assert await client.code("RevokeOwnProviderCredential", revoke, member) is grpc.StatusCode.PERMISSION_DENIED
    found = await client.call("SearchOwnProviderCredentials", search, "operator")
    assert list(found.own_provider_credentials) == [made]
    assert SECRET not in str(found)
    await client.call("RevokeOwnProviderCredential", revoke, "operator")
    assert await own_keys(owner) == {}
    logged = "SELECT method, user_id FROM {} WHERE resource_name = $1 ORDER BY create_time DESC LIMIT 1"
    for log in ("audit_log", "operator_audit_log"):
        row = await owner.fetchrow(logged.format(log), name_of())
        assert row is not None, log
        assert str(row["method"]).endswith("RevokeOwnProviderCredential")
        assert row["user_id"] == "operator"


async def test_the_audit_log_has_every_change_and_no_key(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("SetOwnProviderCredential", setting())
    await client.call("SetOwnProviderCredential", setting(secret=f"{SECRET}-2"))
    await client.call("ClearOwnProviderCredential", pb.ClearOwnProviderCredentialRequest(name=name_of()))
    rows = await owner.fetch("SELECT a::text AS text FROM audit_log a WHERE resource_name = $1", name_of())
    assert len(rows) == 3
    assert not [row for row in rows if SECRET in row["text"]]


async def test_a_key_is_sealed_for_its_organization_and_provider(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("SetOwnProviderCredential", setting())
    sealed = await owner.fetchval(f"SELECT sealed FROM {TABLE}")  # noqa: S608 - a constant
    keys = CredentialKeys((KEY,), bytes)
    assert SECRET.encode() not in sealed
    assert keys.open(sealed, CredentialPlace("first", "acme")) == SECRET
    for organization, provider in (("other", "first"), ("acme", "second")):
        with pytest.raises(SealError):
            keys.open(sealed, CredentialPlace(provider, organization))
    with pytest.raises(SealError):
        keys.open(sealed, CredentialPlace("first"))


async def test_fingerprints_of_two_organizations_differ(client: Client) -> None:
    ours = await client.call("SetOwnProviderCredential", setting())
    theirs = await client.call("SetOwnProviderCredential", setting(organization="other"), "stranger")
    assert ours.fingerprint != theirs.fingerprint


async def test_a_replaced_sealing_key_seals_again(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("SetOwnProviderCredential", setting())
    both = CredentialKeys((NEW_KEY, KEY), lambda count: b"n" * count)
    assert await reseal(owner, both) == (1, 0)
    assert await reseal(owner, both) == (0, 0)
    sealed = await owner.fetchval(f"SELECT sealed FROM {TABLE}")  # noqa: S608 - a constant
    assert CredentialKeys((NEW_KEY,), bytes).open(sealed, CredentialPlace("first", "acme")) == SECRET


async def test_envoys_get_the_keys_of_all_organizations(
    client: Client, owner: asyncpg.Connection, settings: AdminSettings, tmp_path: Path
) -> None:
    await client.call("SetOwnProviderCredential", setting())
    await client.call("SetOwnProviderCredential", setting("second", f"{SECRET}-b", "other"), "stranger")
    options = tmp_path / "options.json"
    options.write_text('{"providers": []}')
    async with asyncpg.create_pool(settings.admin_database_url.get_secret_value(), min_size=1, max_size=1) as pool:
        wanted = await WantedReader(pool, options, CredentialKeys((KEY,), bytes)).read()
    assert {(one.organization, one.secret) for one in wanted.own_keys} == {
        ("acme", SECRET),
        ("other", f"{SECRET}-b"),
    }
    assert {one.credential for one in wanted.own_keys} == {
        *(await own_keys(owner)).values(),
        *(await own_keys(owner, "key-stranger", "other")).values(),
    }
    assert SECRET not in str(wanted)


def test_files_are_private_never_change_and_stay_a_while(tmp_path: Path) -> None:
    now_s = 0.0
    files = OwnKeyFiles(tmp_path, lambda: now_s)
    files.write([])
    assert not list(tmp_path.iterdir())
    files.write([OwnKey("ownkey-1", "acme", SECRET), OwnKey("ownkey-2", "other", SECRET)])
    file = tmp_path / "own_keys" / "ownkey-1"
    assert file.read_text() == f"acme\n{SECRET}"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    files.write([OwnKey("ownkey-2", "other", SECRET)])
    now_s = KEPT_S - 1
    files.write([OwnKey("ownkey-2", "other", SECRET)])
    assert file.exists()
    now_s = KEPT_S
    files.write([OwnKey("ownkey-2", "other", SECRET)])
    assert [one.name for one in file.parent.iterdir()] == ["ownkey-2"]


@pytest.mark.parametrize("secret", ["with a line\nbreak", " spaces at ends ", "umlaut-ä-long", "short"])
async def test_a_key_must_be_printable_and_long_enough_to_be_recognized(client: Client, secret: str) -> None:
    refused = await client.failure("SetOwnProviderCredential", setting(secret=secret))
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ("secret",))


async def test_only_providers_on_offer_that_take_a_key(client: Client) -> None:
    for provider in ("idle", "nobody"):
        refused = await client.failure("SetOwnProviderCredential", setting(provider))
        assert (refused.reason, refused.fields) == ("FIELD_INVALID", ("name",))
    refused = await client.failure("SetOwnProviderCredential", setting("token"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "OWN_CREDENTIAL_NOT_SUPPORTED")


async def test_a_provider_whose_calls_are_signed_takes_an_access_key(client: Client) -> None:
    for secret in (SECRET, "AKIDOFACME:", "AKIDOFACME:secret:token:more", "AKIDOFACME:se cret"):
        refused = await client.failure("SetOwnProviderCredential", setting("signed", secret))
        assert (refused.reason, refused.fields) == ("FIELD_INVALID", ("secret",))
    for secret in ("AKIDOFACME:sec/ret+of=acme", "ASIDOFACME:sec/ret:tok/en=="):
        assert (await client.call("SetOwnProviderCredential", setting("signed", secret))).fingerprint


@pytest.mark.parametrize("limit", ["MAX_OF_ORGANIZATION", "MAX_OF_DEPLOYMENT"])
async def test_their_number_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(service, limit, 1)
    await client.call("SetOwnProviderCredential", setting())
    await client.call("SetOwnProviderCredential", setting(secret=f"{SECRET}-2"))
    refused = await client.failure("SetOwnProviderCredential", setting("second"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OWN_CREDENTIAL_LIMIT_REACHED")


async def test_without_a_key_for_credentials_none_is_kept(settings: AdminSettings) -> None:
    async with running_service(settings) as (_, unkeyed):
        refused = await unkeyed.failure("SetOwnProviderCredential", setting())
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CREDENTIALS_NOT_KEPT")


async def test_the_purge_of_an_organization_removes_its_keys(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("SetOwnProviderCredential", setting())
    await client.call("SetOwnProviderCredential", setting(organization="other"), "stranger")
    await owner.execute(
        "UPDATE organizations SET state = 'DELETED', delete_time = now() - interval '31 days', purge_time = now()"
        " WHERE organization_id = 'acme'"
    )
    while not await owner.fetchval("SELECT has_ended FROM purge_deleted_organization(5000)"):
        pass
    assert [row[0] for row in await owner.fetch(f"SELECT organization_id FROM {TABLE}")] == ["other"]  # noqa: S608


async def test_the_wall_hides_keys_of_other_organizations(
    client: Client, owner: asyncpg.Connection, settings: AdminSettings
) -> None:
    await client.call("SetOwnProviderCredential", setting())
    connection = await asyncpg.connect(settings.admin_database_url.get_secret_value())
    try:
        for organization, seen in (("acme", 1), ("other", 0)):
            async with connection.transaction():
                await connection.execute("SELECT set_config('megarouter.organizations', $1, true)", organization)
                assert await connection.fetchval(f"SELECT count(*) FROM {TABLE}") == seen  # noqa: S608 - a constant
    finally:
        await connection.close()
