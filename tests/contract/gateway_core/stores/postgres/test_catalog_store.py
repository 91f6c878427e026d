"""The catalog tables follow a file without changing any price version, and a cache follows the tables."""

import asyncio
import datetime as dt
import json
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.catalog.entries import Catalog
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.catalog_store import CatalogCache, load_snapshot, open_catalog_cache, sync_catalog
from gateway_core.stores.postgres.connections import open_pool
from tests.contract.usage_service.settlement_cases import ROLE


def catalog(*models: dict[str, Any]) -> Catalog:
    provider = {
        "name": "acme",
        "display_name": "Acme",
        "credential_env": "ACME_API_KEY",
        "credential_header": "authorization",
        "stream_options": True,
        "dialects": {"openai": "https://api.acme.test/v1"},
    }
    return Catalog.model_validate({"version": 1, "providers": [provider], "models": list(models)})


def model(name: str = "acme-1", input_price: int = 1_000, day: str = "2026-01-01", **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "provider": "acme",
        "upstream_name": name,
        "endpoints": ["chat_completions"],
        "context_window_tokens": 1_000,
        "max_output_tokens": 100,
        "default_output_reserve_tokens": 50,
        "prices_nano_credits_per_million_tokens": {"input": input_price, "output": 2_000},
        "effective_date": day,
        **others,
    }


async def test_a_written_entry_names_only_what_it_uses(owner: asyncpg.Connection) -> None:
    """An earlier release refuses fields that it does not know. Seen to fail with every default written out."""
    await sync_catalog(owner, catalog(model()))
    definition = json.loads(await owner.fetchval("SELECT definition FROM models"))
    prices = json.loads(await owner.fetchval("SELECT prices FROM price_versions"))
    assert definition.keys() == model().keys() - {"prices_nano_credits_per_million_tokens", "effective_date"}
    assert prices.keys() == {"prices"}


async def test_a_written_catalog_is_read_back(owner: asyncpg.Connection) -> None:
    written = catalog(
        model(
            long_context={
                "above_input_tokens": 500,
                "prices_nano_credits_per_million_tokens": {"input": 7, "output": 8, "cache_read": 1},
            },
            aliases=["acme/acme-1"],
            fees={"web_search": 10_000_000},
            fees_once_per_call=["web_search"],
            multipliers=[{"when": {"tier": "priority"}, "numerator": 2}],
        )
    )
    await sync_catalog(owner, written)
    snapshot = await load_snapshot(owner)
    assert snapshot.providers == {"acme": written.providers[0]}
    schedule = written.models[0].schedules[0].model_copy(update={"version": 1})
    assert snapshot.models == {"acme-1": written.models[0].model_copy(update={"schedules": (schedule,)})}


async def test_a_second_sync_changes_nothing_and_sends_no_notification(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model()))
    before = await load_snapshot(owner)
    heard: list[object] = []
    await owner.add_listener("megarouter_catalog", lambda *call: heard.append(call))
    await sync_catalog(owner, catalog(model()))
    await owner.execute("SELECT 1")
    assert await load_snapshot(owner) == before
    assert heard == []


async def test_a_new_price_is_a_new_version_and_the_old_one_stays(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model(input_price=1)))
    await sync_catalog(owner, catalog(model(input_price=2)))
    await sync_catalog(owner, catalog(model(input_price=3, day="2026-06-01")))
    snapshot = await load_snapshot(owner)
    versions = {schedule.version: schedule.prices.input for schedule in snapshot.models["acme-1"].schedules}
    assert versions == {1: 1, 2: 2, 3: 3}
    assert snapshot.models["acme-1"].schedule_at(dt.date(2026, 3, 1)) == snapshot.schedule("acme-1", 2)
    assert snapshot.models["acme-1"].schedule_at(dt.date(2026, 7, 1)) == snapshot.schedule("acme-1", 3)


async def test_a_row_of_the_first_release_loads_and_needs_no_new_version(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model("acme-2")))
    await owner.execute(
        "INSERT INTO models (model_name, provider_id, definition)"
        " SELECT 'acme-1', provider_id, replace((definition - 'aliases')::text, 'acme-2', 'acme-1')::jsonb FROM models"
    )
    await owner.execute(
        "INSERT INTO price_versions (model_name, version, effective_date, prices) VALUES ('acme-1', 1, '2026-01-01', $1)",
        '{"prices": {"input": 1000, "cache_read": null, "cache_write_5m": null, "cache_write_1h": null, "output": 2000,'
        ' "reasoning": null}, "long_context": null}',
    )
    before = (await load_snapshot(owner)).models["acme-1"]
    assert before.schedules[0].prices.by_category["input"] == 1_000
    await sync_catalog(owner, catalog(model("acme-1"), model("acme-2")))
    assert (await load_snapshot(owner)).models["acme-1"] == before


async def test_a_new_fee_is_a_new_version(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model(fees={"web_search": 1})))
    await sync_catalog(owner, catalog(model(fees={"web_search": 2})))
    snapshot = await load_snapshot(owner)
    assert [schedule.fees["web_search"] for schedule in snapshot.models["acme-1"].schedules] == [1, 2]


async def test_a_model_is_found_by_every_alias(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model(aliases=["acme/acme-1", "acme-1-2026-01-01"]), model("acme-2")))
    found = (await load_snapshot(owner)).models_by_any_name
    assert {name: one.name for name, one in found.items()} == {
        "acme-1": "acme-1",
        "acme/acme-1": "acme-1",
        "acme-1-2026-01-01": "acme-1",
        "acme-2": "acme-2",
        "acme/acme-2": "acme-2",
    }


async def test_a_price_that_returns_is_a_new_version(owner: asyncpg.Connection) -> None:
    for price in (1, 2, 1):
        await sync_catalog(owner, catalog(model(input_price=price)))
    schedule = (await load_snapshot(owner)).models["acme-1"].schedule_at(dt.date(2026, 3, 1))
    assert schedule is not None
    assert (schedule.version, schedule.prices.input) == (3, 1)


async def test_a_removed_model_is_not_offered_but_keeps_its_prices(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model(), model("acme-2")))
    await sync_catalog(owner, catalog(model()))
    snapshot = await load_snapshot(owner)
    assert set(snapshot.models) == {"acme-1"}
    assert set(snapshot.retired_models) == {"acme-2"}
    assert snapshot.schedule("acme-2", 1) is not None


async def test_a_model_that_returns_is_offered_again(owner: asyncpg.Connection) -> None:
    for models in ((model(), model("acme-2")), (model(),), (model(), model("acme-2"))):
        await sync_catalog(owner, catalog(*models))
    assert set((await load_snapshot(owner)).models) == {"acme-1", "acme-2"}


async def test_two_processes_can_sync_concurrently(owner: asyncpg.Connection, database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    await asyncio.gather(sync_catalog(owner, catalog(model())), sync_catalog(other, catalog(model())))
    await other.close()
    assert len((await load_snapshot(owner)).models["acme-1"].schedules) == 1


async def test_an_invalid_row_does_not_affect_other_models(owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, catalog(model(), model("acme-2")))
    await owner.execute("UPDATE models SET definition = '{}' WHERE model_name = 'acme-2'")
    assert set((await load_snapshot(owner)).models) == {"acme-1"}


async def test_the_cache_waits_for_a_first_model_and_follows_changes(
    settings: UsageSettings, owner: asyncpg.Connection
) -> None:
    async with (
        open_pool(settings, ROLE) as pool,
        open_catalog_cache(pool, settings, ROLE) as cache,
    ):
        assert not cache.is_loaded
        await sync_catalog(owner, catalog(model()))
        await asyncio.wait_for(cache.loaded(), 30)
        await sync_catalog(owner, catalog(model(), model("acme-2")))
        async with asyncio.timeout(30):
            while "acme-2" not in cache.snapshot.models:
                await asyncio.sleep(0.01)


async def test_an_unchanged_catalog_that_is_read_again_stays_the_same_object(
    settings: UsageSettings, owner: asyncpg.Connection
) -> None:
    """Otherwise the values derived from prices for each key would be recomputed every half minute. Seen to fail without this."""
    await sync_catalog(owner, catalog(model(multipliers=[{"when": {"speed": "fast"}, "numerator": 6}])))
    async with open_pool(settings, ROLE) as pool:
        cache = CatalogCache(pool)
        first = await cache.refresh()
        assert await cache.refresh() is first
        await sync_catalog(owner, catalog(model(input_price=2)))
        assert await cache.refresh() is not first


async def test_admin_service_may_sync(database_url: str, owner: asyncpg.Connection) -> None:
    connection = await asyncpg.connect(login_url(database_url, "megarouter_admin"))
    await sync_catalog(connection, catalog(model()))
    await sync_catalog(connection, catalog(model(input_price=5)))
    await sync_catalog(connection, catalog(model("acme-3")))
    await connection.close()
    assert set((await load_snapshot(owner)).models) == {"acme-3"}
