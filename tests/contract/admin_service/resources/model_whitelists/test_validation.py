"""Whitelists and rate limits accept only entries that match a model of the catalog, unless the caller says otherwise."""

from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import api_key_pb2, guardrail_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from gateway_core.model.catalog.entries import Catalog
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.catalog.test_service import model, price, provider

ACME = "organizations/acme"
KEY = f"{ACME}/apiKeys/key-member"
MODELS = (
    {**model("gpt-4o-mini", "openai", price(1)), "aliases": ["gpt-4o-mini-2024-07-18"]},
    model("gpt-4o", "openai", price(1)),
    model("claude-haiku", "anthropic", price(1)),
)


@pytest.fixture(autouse=True)
async def stored(client: Client, owner: asyncpg.Connection) -> None:
    providers = (provider("openai"), provider("anthropic"), provider("unused"))
    await sync_catalog(owner, Catalog.model_validate({"providers": providers, "models": MODELS}))


def created(*entries: str, **fields: Any) -> api_key_pb2.CreateApiKeyRequest:
    key = ApiKey(display_name="Laptop", model_whitelist=ModelWhitelist(entries=entries))
    return api_key_pb2.CreateApiKeyRequest(parent=ACME, api_key=key, **fields)


def updated(*entries: str, **fields: Any) -> api_key_pb2.UpdateApiKeyRequest:
    key = ApiKey(name=KEY, model_whitelist=ModelWhitelist(entries=entries))
    return api_key_pb2.UpdateApiKeyRequest(api_key=key, update_mask=FieldMask(paths=["model_whitelist"]), **fields)


def limited(etag: str = "", *, allow: bool = False, **fields: Any) -> guardrail_pb2.UpdateGuardrailRequest:
    rail = Guardrail(name=f"{ACME}/guardrails/group-platform", etag=etag, **fields)
    return guardrail_pb2.UpdateGuardrailRequest(guardrail=rail, allow_unknown_models=allow)


@pytest.mark.parametrize(
    "entry", ["gpt-4o", "openai/gpt-4o", "openai/*", "provider:openai", "anthropic/*", "anthropic/claude-haiku"]
)
async def test_an_entry_that_matches_a_model_is_accepted(client: Client, entry: str) -> None:
    made = await client.call("CreateApiKey", created(entry), "member")
    assert list(made.api_key.model_whitelist.entries) == [entry]


@pytest.mark.parametrize(
    ("entry", "nearest"),
    [
        ("GPT-4O-MINI", "write 'gpt-4o-mini'"),
        ("gpt-4o-mni", "'gpt-4o-mini' or 'gpt-4o'"),
        ("gpt-4o-mini-2024-07-18", "write 'gpt-4o-mini', or"),
        ("opena/*", "write 'openai/*'"),
        ("OpenAI/*", "write 'openai/*'"),
        ("openai/gpt4o", "'openai/gpt-4o'"),
        ("anthropic/gpt-4o", "openai/gpt-4o"),
        ("provider:opena", "write 'provider:openai'"),
        ("unused/*", "allow_unknown_models"),
        ("nonexistent", "allow_unknown_models"),
    ],
)
async def test_an_entry_that_matches_no_model_is_refused_with_the_nearest(
    client: Client, owner: asyncpg.Connection, entry: str, nearest: str
) -> None:
    for method, request in (("CreateApiKey", created(entry)), ("UpdateApiKey", updated("gpt-4o", entry))):
        failure = await client.failure(method, request, "member")
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
        assert failure.fields == ("api_key.model_whitelist.entries",)
        assert f"{entry!r} matches no model of the catalog" in failure.message
        assert nearest in failure.message
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_guardrails_and_their_rate_limits_are_checked(client: Client, owner: asyncpg.Connection) -> None:
    rate = Guardrail.RateLimit(models="openia/*", unit=Guardrail.RateLimit.UNIT_HOUR, requests=1)
    request = limited(model_whitelist=ModelWhitelist(entries=["openia/*"]), rate_limits=[rate])
    failure = await client.failure("UpdateGuardrail", request, "super")
    assert failure.fields == ("guardrail.model_whitelist.entries", "guardrail.rate_limits[0].models")
    assert "'openai/*'" in failure.message
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_a_flag_allows_models_to_come_and_what_is_stored_is_not_checked_again(client: Client) -> None:
    await client.call("CreateApiKey", created("gpt-7", allow_unknown_models=True), "member")
    await client.call("UpdateApiKey", updated("gpt-7", allow_unknown_models=True), "member")
    kept = await client.call("UpdateApiKey", updated("gpt-7", "gpt-4o"), "member")
    assert list(kept.model_whitelist.entries) == ["gpt-7", "gpt-4o"]
    rate = Guardrail.RateLimit(models="gpt-7", unit=Guardrail.RateLimit.UNIT_HOUR, requests=1)
    rail = await client.call("UpdateGuardrail", limited(allow=True, rate_limits=[rate]), "super")
    rate.requests = 2
    rail = await client.call("UpdateGuardrail", limited(rail.etag, rate_limits=[rate]), "super")
    assert rail.rate_limits[0].requests == 2


async def test_an_error_names_a_bounded_number_of_entries(client: Client) -> None:
    failure = await client.failure("CreateApiKey", created(*(f"zz{number}" for number in range(200))), "member")
    assert len(failure.fields) == 4
    assert "197 more match no model" in failure.message
    assert len(failure.message) < 1_000
