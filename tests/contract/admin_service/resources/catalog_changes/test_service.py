"""Operators change the catalog by the API. No Envoy listens here: `tests/e2e/live` has two."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from megarouter.admin.v1 import catalog_change_pb2 as pb
from megarouter.admin.v1 import catalog_pb2, operator_pb2

from admin_service.discovery.reading import WantedReader
from admin_service.discovery.resealing import reseal
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace
from gateway_core.model.catalog.entries import Catalog
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client, running_service

KEY, NEW_KEY = bytes(range(32)), bytes(range(1, 33))
NAME = "providers/gpus/configuration"
SECRET = "sk-a-credential-of-gpus"
PROVIDER = {
    "display_name": "GPUs", "credential_header": "authorization", "stream_options": True,
    "dialects": {"openai": "https://gpus.example/v1"},
}  # fmt: skip
MODEL = {
    "provider": "gpus", "upstream_name": "tiny", "endpoints": ["chat_completions"], "context_window_tokens": 1000,
    "max_output_tokens": 100, "default_output_reserve_tokens": 10, "effective_date": "2026-01-01",
    "prices_nano_credits_per_million_tokens": {"input": 5, "output": 7},
}  # fmt: skip


@pytest.fixture
async def client(settings: AdminSettings, people: None) -> AsyncIterator[Client]:
    keyed = AdminSettings.model_validate({**settings.model_dump(), "credential_key": KEY.hex()})
    async with running_service(keyed) as (_, calling):
        yield calling


@pytest.fixture(autouse=True)
async def stored(client: Client, owner: asyncpg.Connection) -> None:
    """A provider and a model of the catalog file."""
    filed = {**PROVIDER, "name": "filed", "credential_env": "FILED_KEY", "hosted_tools": {"openai": {"web_search": []}}}
    await sync_catalog(owner, Catalog.model_validate({"providers": [filed], "models": [of_file()]}))


def of_file() -> dict[str, Any]:
    return {**MODEL, "name": "filed-model", "provider": "filed"}


def struct(values: Mapping[str, Any]) -> Struct:
    message = Struct()
    message.update(values)
    return message


def addition(name: str = NAME, secret: str = SECRET, **fields: Any) -> pb.AddProviderRequest:
    return pb.AddProviderRequest(name=name, definition=struct({**PROVIDER, **fields}), secret=secret)


def offer(name: str = "models/tiny", **fields: Any) -> pb.OfferModelRequest:
    return pb.OfferModelRequest(name=name, definition=struct({**MODEL, **fields}))


async def test_a_provider_is_added_with_a_credential_that_no_answer_shows(client: Client) -> None:
    made = await client.call("AddProvider", addition(), "operator")
    assert made.origin == pb.CATALOG_ORIGIN_API
    assert (made.credential.setter, made.credential.setter_display_name) == ("users/operator", "Operator")
    assert len(made.credential.fingerprint) == 8
    assert SECRET not in str(made)
    found = await client.call("GetProviderConfiguration", pb.GetProviderConfigurationRequest(name=NAME), "operator")
    assert found == made
    assert MessageToDict(found.definition)["dialects"] == PROVIDER["dialects"]


async def test_the_credential_is_sealed_for_its_provider(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("AddProvider", addition(), "operator")
    sealed = await owner.fetchval("SELECT sealed FROM provider_credentials WHERE provider_id = 'gpus'")
    keys = CredentialKeys((KEY,), bytes)
    assert SECRET.encode() not in sealed
    assert keys.open(sealed, CredentialPlace("gpus")) == SECRET
    with pytest.raises(SealError):
        keys.open(sealed, CredentialPlace("filed"))


async def test_a_replaced_key_seals_again_and_the_previous_one_can_go(
    client: Client, owner: asyncpg.Connection
) -> None:
    await client.call("AddProvider", addition(), "operator")
    both = CredentialKeys((NEW_KEY, KEY), lambda count: b"n" * count)
    assert await reseal(owner, both) == (1, 0)
    assert await reseal(owner, both) == (0, 0)
    sealed = await owner.fetchval("SELECT sealed FROM provider_credentials")
    assert CredentialKeys((NEW_KEY,), bytes).open(sealed, CredentialPlace("gpus")) == SECRET


async def test_without_a_key_no_credential_is_kept(settings: AdminSettings, people: None) -> None:
    async with running_service(settings) as (_, client):
        refused = await client.failure("AddProvider", addition(), "operator")
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CREDENTIALS_NOT_KEPT")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"dialects": {"openai": "ftp://gpus.example"}}, "definition"),
        ({"dialects": {"klingon": "https://gpus.example"}}, "definition.dialects.klingon.[key]"),
        ({"credential_header": "cookie"}, "definition.credential_header"),
        ({"colour": "blue"}, "definition.colour"),
        ({"same_as": "nobody"}, "definition.same_as"),
        ({"authentication": {"kind": "google_service_account"}}, "definition.authentication"),
    ],
)
async def test_a_wrong_definition_names_its_field_and_changes_nothing(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    refused = await client.failure("AddProvider", addition(**fields), "operator")
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", (field,))
    assert await names(client) == ["filed"]


@pytest.mark.parametrize("secret", ["with a line\nbreak", " spaces ", "umlaut-ä"])
async def test_a_credential_must_be_printable(client: Client, secret: str) -> None:
    refused = await client.failure("AddProvider", addition(secret=secret), "operator")
    assert refused.fields == ("secret",)


async def test_a_provider_can_be_like_another(client: Client) -> None:
    made = await client.call("AddProvider", addition(same_as="filed"), "operator")
    assert MessageToDict(made.definition)["hosted_tools"] == {"openai": {"web_search": []}}


async def test_an_id_in_use_is_refused_and_one_that_was_removed_is_free(client: Client) -> None:
    await client.call("AddProvider", addition(), "operator")
    assert (await client.failure("AddProvider", addition(), "operator")).reason == "ALREADY_EXISTS"
    await client.call("RemoveProvider", pb.RemoveProviderRequest(name=NAME), "operator")
    assert await names(client) == ["filed"]
    await client.call("AddProvider", addition(), "operator")


async def test_a_provider_of_the_file_keeps_its_definition_and_takes_a_credential(client: Client) -> None:
    name = "providers/filed/configuration"
    replacement = pb.ReplaceProviderRequest(name=name, definition=struct(PROVIDER))
    assert (await client.failure("ReplaceProvider", replacement, "operator")).reason == "CATALOG_FILE_DECIDES"
    removal = pb.RemoveProviderRequest(name=name)
    assert (await client.failure("RemoveProvider", removal, "operator")).reason == "CATALOG_FILE_DECIDES"
    with_credential = pb.SetProviderCredentialRequest(name=name, secret=SECRET)
    changed = await client.call("SetProviderCredential", with_credential, "operator")
    assert changed.origin == pb.CATALOG_ORIGIN_FILE
    assert changed.credential.fingerprint
    cleared = await client.call("ClearProviderCredential", pb.ClearProviderCredentialRequest(name=name), "operator")
    assert not cleared.HasField("credential")


async def test_the_file_neither_changes_nor_retires_what_the_api_made(
    client: Client, owner: asyncpg.Connection
) -> None:
    await client.call("AddProvider", addition(), "operator")
    await client.call("OfferModel", offer(), "operator")
    like = {**PROVIDER, "name": "gpus", "display_name": "Other", "credential_env": "KEY"}
    await sync_catalog(owner, Catalog.model_validate({"providers": [like], "models": []}))
    found = await client.call("GetProviderConfiguration", pb.GetProviderConfigurationRequest(name=NAME), "operator")
    assert MessageToDict(found.definition)["display_name"] == "GPUs"
    model = await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/tiny"), "member")
    assert not model.retired


async def test_a_provider_of_a_model_on_offer_stays(client: Client) -> None:
    await client.call("AddProvider", addition(), "operator")
    await client.call("OfferModel", offer(), "operator")
    removal = pb.RemoveProviderRequest(name=NAME)
    refused = await client.failure("RemoveProvider", removal, "operator")
    assert (refused.reason, refused.metadata) == ("PROVIDER_IN_USE", {"model": "models/tiny"})
    await client.call("RetireModel", pb.RetireModelRequest(name="models/tiny"), "operator")
    await client.call("RemoveProvider", removal, "operator")


async def test_other_prices_are_another_version(client: Client) -> None:
    await client.call("AddProvider", addition(), "operator")
    for output in (7, 7, 9):
        prices = {"input": 5, "output": output}
        await client.call("OfferModel", offer(prices_nano_credits_per_million_tokens=prices), "operator")
    listing = catalog_pb2.ListModelPricesRequest(parent="models/tiny")
    versions = (await client.call("ListModelPrices", listing, "member")).model_prices
    assert [version.version for version in versions] == [2, 1]


@pytest.mark.parametrize(
    ("request_of", "reason"),
    [
        (offer("models/filed-model"), "CATALOG_FILE_DECIDES"),
        (offer(aliases=["filed-model"]), "ALREADY_EXISTS"),
        (offer(provider="nobody"), "FIELD_INVALID"),
        (offer(max_output_tokens=-1), "FIELD_INVALID"),
    ],
)
async def test_a_model_that_does_not_fit_is_refused(
    client: Client, request_of: pb.OfferModelRequest, reason: str
) -> None:
    await client.call("AddProvider", addition(), "operator")
    assert (await client.failure("OfferModel", request_of, "operator")).reason == reason
    listing = catalog_pb2.ListModelsRequest()
    assert [one.name for one in (await client.call("ListModels", listing, "member")).models] == ["models/filed-model"]


async def test_a_change_of_another_state_than_the_one_that_was_read_is_refused(client: Client) -> None:
    made = await client.call("AddProvider", addition(), "operator")
    definition = struct({**PROVIDER, "display_name": "Other"})
    replacement = pb.ReplaceProviderRequest(name=NAME, definition=definition, etag=made.etag)
    await client.call("ReplaceProvider", replacement, "operator")
    assert (await client.failure("ReplaceProvider", replacement, "operator")).reason == "ETAG_MISMATCH"


async def test_every_change_is_a_version_and_in_the_operators_log(client: Client) -> None:
    await client.call("AddProvider", addition(), "operator")
    await client.call("OfferModel", offer(), "operator")
    listed = await client.call("ListConfigurationVersions", pb.ListConfigurationVersionsRequest(), "operator")
    assert {one.user_display_name for one in listed.configuration_versions} == {"Operator"}
    assert [(one.user, one.resource) for one in listed.configuration_versions] == [
        ("users/operator", "models/tiny"),
        ("users/operator", NAME),
    ]
    log = await client.call(
        "ListOperatorAuditLogEntries", operator_pb2.ListOperatorAuditLogEntriesRequest(), "operator"
    )
    assert [one.resource for one in log.operator_audit_log_entries][:2] == ["models/tiny", NAME]
    assert SECRET not in str(log)


async def test_envoy_is_given_only_providers_with_a_credential(
    client: Client, settings: AdminSettings, tmp_path: Any
) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"providers": []}')
    await client.call("AddProvider", addition(), "operator")
    await client.call("AddProvider", addition("providers/poor/configuration", secret=""), "operator")
    async with asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=1, max_size=1) as pool:
        wanted = await WantedReader(pool, options, CredentialKeys((KEY,), bytes)).read()
    assert [(one["target"], one["secret"]) for one in wanted.document["providers"]] == [("gpus", SECRET)]
    assert SECRET not in str(wanted.public)
    assert wanted.number == 2


async def test_limits_of_listeners_are_defaults_until_an_operator_replaces_them(client: Client) -> None:
    before = await client.call("GetListenerLimits", pb.GetListenerLimitsRequest(name="listenerLimits"), "operator")
    assert (before.model_connections, before.admin_connections, before.concurrent_provider_calls) == (9000, 1000, 10000)
    assert (before.request_body_bytes, before.call_idle_seconds, before.call_duration_seconds) == (2**25, 900, 3600)
    after = await client.call("ReplaceListenerLimits", limits(model_connections=500, etag=before.etag), "operator")
    assert (after.model_connections, after.admin_connections, after.concurrent_provider_calls) == (500, 1000, 10000)
    found = await client.call("GetListenerLimits", pb.GetListenerLimitsRequest(name="listenerLimits"), "operator")
    assert found == after
    stale = await client.failure("ReplaceListenerLimits", limits(etag=before.etag), "operator")
    assert stale.reason == "ETAG_MISMATCH"
    assert await client.call("ReplaceListenerLimits", limits(), "operator") == before
    listed = await client.call("ListConfigurationVersions", pb.ListConfigurationVersionsRequest(), "operator")
    assert [one.resource for one in listed.configuration_versions] == ["listenerLimits"] * 2


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        ({"model_connections": 0}, "model_connections"),
        ({"admin_connections": 19}, "admin_connections"),
        ({"concurrent_provider_calls": -1}, "concurrent_provider_calls"),
        ({"model_connections": 9001}, "model_connections"),
        ({"admin_connections": 1001}, "model_connections"),
        ({"request_body_bytes": 1023}, "request_body_bytes"),
        ({"request_body_bytes": 2**27 + 1}, "request_body_bytes"),
        ({"call_idle_seconds": 0}, "call_idle_seconds"),
        ({"call_duration_seconds": 3601}, "call_duration_seconds"),
        ({"call_idle_seconds": 61, "call_duration_seconds": 60}, "call_idle_seconds"),
    ],
)
async def test_limits_that_envoy_cannot_keep_are_refused(client: Client, numbers: dict[str, int], field: str) -> None:
    refused = await client.failure("ReplaceListenerLimits", limits(**numbers), "operator")
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", (field,))


async def test_a_call_is_idle_no_longer_than_it_may_take(client: Client) -> None:
    wanted = limits(request_body_bytes=2_048, call_duration_seconds=60)
    after = await client.call("ReplaceListenerLimits", wanted, "operator")
    assert (after.request_body_bytes, after.call_idle_seconds, after.call_duration_seconds) == (2_048, 60, 60)
    found = await client.call("GetListenerLimits", pb.GetListenerLimitsRequest(name="listenerLimits"), "operator")
    assert found == after


async def test_only_operators_see_and_replace_limits(client: Client) -> None:
    asked = pb.GetListenerLimitsRequest(name="listenerLimits")
    assert (await client.failure("GetListenerLimits", asked, "super")).code == grpc.StatusCode.PERMISSION_DENIED
    assert (await client.failure("ReplaceListenerLimits", limits(), "super")).code == grpc.StatusCode.PERMISSION_DENIED


def limits(**fields: Any) -> pb.ReplaceListenerLimitsRequest:
    return pb.ReplaceListenerLimitsRequest(name="listenerLimits", **fields)


async def names(client: Client) -> list[str]:
    listed = await client.call("ListProviderConfigurations", pb.ListProviderConfigurationsRequest(), "operator")
    return [one.name.split("/")[1] for one in listed.provider_configurations]
