"""The catalog over the API: it is the same for every user, and a key may use a part of it."""

import datetime as dt
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import catalog_pb2
from megarouter.admin.v1.catalog_pb2 import Provider

from gateway_core.model.catalog.entries import Catalog
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client

TODAY = dt.datetime.now(dt.UTC).date()
TOMORROW = TODAY + dt.timedelta(days=1)


def model(name: str, provider: str, *schedules: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "provider": provider, "upstream_name": name.rpartition("/")[2], "endpoints": ["chat_completions"],
        "context_window_tokens": 1000, "max_output_tokens": 100, "default_output_reserve_tokens": 10, "schedules": schedules,
    }  # fmt: skip


def price(amount: int, day: dt.date = dt.date(2026, 1, 1), **others: Any) -> dict[str, Any]:
    return {"effective_date": day, "prices": {"input": amount, "output": 2 * amount}, **others}


def provider(name: str) -> dict[str, Any]:
    return {
        "name": name, "display_name": name.title(), "credential_env": "SOME_KEY", "credential_header": "authorization",
        "stream_options": True, "dialects": {"openai": f"https://{name}.example/v1"},
    }  # fmt: skip


LONG = {"above_input_tokens": 500, "prices_nano_credits_per_million_tokens": {"input": 9, "output": 9}}
MODELS = (
    model("openai/gpt", "openai", price(5, TOMORROW), price(3, long_context=LONG)),
    model("openaix/gpt", "other", price(1)),
    model("plain", "other", price(1)),
    model("future", "openai", price(1, TOMORROW)),
)
KEY = "organizations/acme/apiKeys/key-member"


@pytest.fixture(autouse=True)
async def stored(client: Client, owner: asyncpg.Connection) -> None:
    """Stores models in the catalog's tables after the service started with an empty file."""
    providers = (provider("openai"), provider("other"))
    await sync_catalog(owner, Catalog.model_validate({"providers": providers, "models": MODELS}))


async def usable(client: Client, parent: str = KEY, member: str = "member", **fields: Any) -> list[str]:
    request = catalog_pb2.ListUsableModelsRequest(parent=parent, **fields)
    answer = await client.call("ListUsableModels", request, member)
    return [found.name.removeprefix("models/") for found in answer.models]


async def allow(owner: asyncpg.Connection, kind: str, scope: str, entries: list[str], mode: str = "ENFORCE") -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, model_whitelist, mode) VALUES ('acme', $1, $2, $3, $4)"
        " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET model_whitelist = $3, mode = $4",
        kind, scope, entries, mode,
    )  # fmt: skip


async def called(owner: asyncpg.Connection, count: int, detail: str, status: int, age: str = "1 minute") -> None:
    """Records calls to the provider `openai` by a member of another organization."""
    await owner.execute(
        "INSERT INTO usage_records (hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id,"
        " endpoint, streamed, requested_model, provider_id, price_version, input_tokens, cache_read_tokens, cache_write_5m_tokens,"
        " cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits, charge_lines, counters,"
        " http_status, response_flags, request_id, place_time, settle_time)"
        " SELECT gen_random_uuid(), 'other', n + (SELECT count(*) FROM usage_records), 'SETTLED', 'none', $2, '{}', 'm', 'k', 'e',"
        " false, 'm', 'openai', 1, 0, 0, 0, 0, 0, 0, 0, 0, '[]', '{}', $3, '', 'r', now(), now() - $4::text::interval"
        " FROM generate_series(1, $1) n",
        count, detail, status, age,
    )  # fmt: skip


async def health(client: Client) -> int:
    found = await client.call("GetProvider", catalog_pb2.GetProviderRequest(name="providers/openai"), "member")
    return int(found.health)


async def test_a_model_whose_name_has_slashes_is_visible_to_every_user(client: Client) -> None:
    for member in ("super", "member", "stranger"):
        found = await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/openai/gpt"), member)
        assert (found.name, found.provider, found.upstream_name) == ("models/openai/gpt", "providers/openai", "gpt")
        assert (list(found.endpoints), found.context_window_tokens, found.retired) == (
            ["chat_completions"],
            1000,
            False,
        )


async def test_a_model_shows_its_current_price_in_every_category(client: Client) -> None:
    found = await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/openai/gpt"))
    prices = {
        catalog_pb2.TokenCategory.Name(each.category): each.price_nano_credits_per_million_tokens
        for each in found.current_price.prices
    }
    assert prices == {
        "TOKEN_CATEGORY_INPUT": 3,
        "TOKEN_CATEGORY_CACHE_READ": 3,
        "TOKEN_CATEGORY_CACHE_WRITE_5M": 3,
        "TOKEN_CATEGORY_CACHE_WRITE_1H": 3,
        "TOKEN_CATEGORY_OUTPUT": 6,
        "TOKEN_CATEGORY_OUTPUT_REASONING": 6,
        "TOKEN_CATEGORY_INPUT_IMAGE": 3,
    }
    assert found.current_price.long_context.above_input_tokens == 500
    assert {each.price_nano_credits_per_million_tokens for each in found.current_price.long_context.prices} == {9}
    unpriced = await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/future"))
    assert not unpriced.HasField("current_price")


async def test_a_model_shows_its_fees_multipliers_and_aliases(client: Client, owner: asyncpg.Connection) -> None:
    flex = {"when": {"tier": "flex"}, "numerator": 1, "denominator": 2, "categories": ["input", "input_audio"]}
    prices = price(2, fees={"web_search": 7, "code": 9}, fees_once_per_call=["code"], multipliers=[flex])
    special = {**model("special", "other", prices), "aliases": ["special-2026"]}
    await sync_catalog(owner, Catalog.model_validate({"providers": [provider("other")], "models": [special]}))
    found = await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/special"))
    shown = found.current_price
    assert list(found.aliases) == ["special-2026"]
    assert [(fee.name, fee.price_nano_credits_per_use, fee.once_per_call) for fee in shown.fees] == [
        ("code", 9, True),
        ("web_search", 7, False),
    ]
    (multiplier,) = shown.multipliers
    assert (multiplier.tier, multiplier.speed, multiplier.numerator, multiplier.denominator) == ("flex", "", 1, 2)
    assert list(multiplier.categories) == [catalog_pb2.TOKEN_CATEGORY_INPUT, catalog_pb2.TOKEN_CATEGORY_INPUT_AUDIO]


async def test_every_price_version_is_listed_page_by_page(client: Client) -> None:
    request = catalog_pb2.ListModelPricesRequest(parent="models/openai/gpt", page_size=1)
    first = await client.call("ListModelPrices", request, "member")
    request.page_token = first.next_page_token
    second = await client.call("ListModelPrices", request, "member")
    assert [each.version for answer in (first, second) for each in answer.model_prices] == [2, 1]
    assert second.next_page_token == ""
    days = {answer.model_prices[0].effective_time.ToDatetime().date() for answer in (first, second)}
    assert days == {TOMORROW, dt.date(2026, 1, 1)}


async def test_models_are_listed_filtered_and_paged(client: Client) -> None:
    async def names(**fields: Any) -> list[str]:
        answer = await client.call("ListModels", catalog_pb2.ListModelsRequest(**fields), "member")
        return [found.name for found in answer.models]

    assert sorted(await names()) == ["models/future", "models/openai/gpt", "models/openaix/gpt", "models/plain"]
    assert await names(filter='provider = "providers/other" AND plain') == ["models/plain"]
    assert await names(filter="context_window_tokens > 1000") == []
    first = await client.call("ListModels", catalog_pb2.ListModelsRequest(page_size=3))
    assert len(await names(page_size=3, page_token=first.next_page_token)) == 1
    moved = catalog_pb2.ListModelsRequest(page_token=first.next_page_token, show_retired=True)
    assert (await client.failure("ListModels", moved)).reason == "PAGE_TOKEN_INVALID"


async def test_a_retired_model_is_listed_only_on_request(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE models SET offered = false WHERE model_name = 'plain'")
    assert (await client.call("GetModel", catalog_pb2.GetModelRequest(name="models/plain"))).retired
    offered = await client.call("ListModels", catalog_pb2.ListModelsRequest())
    every = await client.call("ListModels", catalog_pb2.ListModelsRequest(show_retired=True))
    assert (len(offered.models), len(every.models)) == (3, 4)
    assert "plain" not in await usable(client)


async def test_a_missing_resource_is_denied(client: Client) -> None:
    for method, request in (
        ("GetModel", catalog_pb2.GetModelRequest(name="models/nothing")),
        ("GetModel", catalog_pb2.GetModelRequest(name="providers/openai")),
        ("ListModelPrices", catalog_pb2.ListModelPricesRequest(parent="models/nothing")),
        ("GetProvider", catalog_pb2.GetProviderRequest(name="providers/unknown")),
    ):
        assert await client.code(method, request, "super") is grpc.StatusCode.PERMISSION_DENIED


async def test_the_catalog_requires_a_user(client: Client) -> None:
    failure = await client.failure("ListModels", catalog_pb2.ListModelsRequest(), metadata=[])
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


async def test_providers_are_listed_without_the_location_of_their_credential(client: Client) -> None:
    answer = await client.call("ListProviders", catalog_pb2.ListProvidersRequest(), "member")
    assert [(each.name, each.display_name, list(each.dialects)) for each in answer.providers] == [
        ("providers/openai", "Openai", ["openai"]),
        ("providers/other", "Other", ["openai"]),
    ]
    assert "SOME_KEY" not in str(answer)


async def test_the_health_of_a_provider_without_recent_calls_is_unknown(
    client: Client, owner: asyncpg.Connection
) -> None:
    await called(owner, 5, "completed", 200, age="16 minutes")
    await called(owner, 5, "client_disconnected", 200)
    await called(owner, 5, "provider_error", 400)
    assert await health(client) == Provider.HEALTH_UNKNOWN


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (1, Provider.HEALTH_HEALTHY),
        (2, Provider.HEALTH_DEGRADED),
        (9, Provider.HEALTH_DEGRADED),
        (10, Provider.HEALTH_FAILING),
    ],
)
async def test_the_health_of_a_provider_follows_its_latest_calls(
    client: Client, owner: asyncpg.Connection, failed: int, expected: int
) -> None:
    await called(owner, 9, "completed", 200)
    await called(owner, failed, "provider_error", 503)
    assert await health(client) == expected


async def test_a_refused_credential_but_not_a_bad_request_makes_a_provider_fail(
    client: Client, owner: asyncpg.Connection
) -> None:
    await called(owner, 1, "completed", 200)
    await called(owner, 5, "provider_error", 400)
    assert await health(client) == Provider.HEALTH_HEALTHY
    await called(owner, 5, "provider_error", 401)
    assert await health(client) == Provider.HEALTH_FAILING


async def test_a_key_may_use_every_priced_model_without_a_whitelist(client: Client) -> None:
    assert await usable(client) == ["openai/gpt", "openaix/gpt", "plain"]
    assert await usable(client, "organizations/acme/members/member") == ["openai/gpt", "openaix/gpt", "plain"]


async def test_a_key_may_use_the_models_that_every_whitelist_above_it_allows(
    client: Client, owner: asyncpg.Connection
) -> None:
    await allow(owner, "organization", "acme", ["provider:openai", "openaix/*"])
    assert await usable(client) == ["openai/gpt", "openaix/gpt"]
    await allow(owner, "group", "eng", ["openai/*"])
    assert await usable(client) == ["openai/gpt"]
    await allow(owner, "api_key", "key-member", ["plain"])
    assert await usable(client) == []
    assert await usable(client, "organizations/acme/members/member") == ["openai/gpt"]


async def test_a_whitelist_in_shadow_mode_removes_no_models(client: Client, owner: asyncpg.Connection) -> None:
    await allow(owner, "member", "member", ["plain"], mode="SHADOW")
    assert len(await usable(client)) == 3


async def test_usable_models_are_filtered_and_paged(client: Client, owner: asyncpg.Connection) -> None:
    assert await usable(client, filter='provider = "providers/other"') == ["openaix/gpt", "plain"]
    answer = await client.call(
        "ListUsableModels", catalog_pb2.ListUsableModelsRequest(parent=KEY, page_size=2), "member"
    )
    assert await usable(client, page_size=2, page_token=answer.next_page_token) == ["plain"]


async def test_the_usable_models_of_others_are_shown_to_their_admins_only(client: Client) -> None:
    request = catalog_pb2.ListUsableModelsRequest(parent=KEY)
    codes = {
        each: await client.code("ListUsableModels", request, each)
        for each in ("super", "l1", "sub", "below", "stranger")
    }
    assert codes == {
        "super": grpc.StatusCode.OK,
        "l1": grpc.StatusCode.OK,
        "sub": grpc.StatusCode.OK,
        "below": grpc.StatusCode.PERMISSION_DENIED,
        "stranger": grpc.StatusCode.PERMISSION_DENIED,
    }


async def test_a_deleted_key_may_use_nothing(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-member'")
    failure = await client.failure("ListUsableModels", catalog_pb2.ListUsableModelsRequest(parent=KEY))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "API_KEY_DELETED")
