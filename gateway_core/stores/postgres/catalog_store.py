"""The catalog in PostgreSQL. Written from a catalog file, and read by every service through a cache that follows changes."""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final

import asyncpg
from pydantic import BaseModel, ValidationError

from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.catalog.answered_models import AnsweredModels
from gateway_core.model.catalog.entries import Catalog, Model, OfferedVirtualModel
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.limits.model_whitelists import qualified_name
from gateway_core.model.routing.virtual_models import Owned, of_catalog
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import DatabaseSettings
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.notifications import Listener, running

logger = logging.getLogger(__name__)

CHANNEL: Final = "megarouter_catalog"
_MAX_AGE_S: Final = 30.0
_RETRY_S: Final = 0.5
LOCK_ID: Final = 0x63617461  # "cata"
"""Of the lock under which the catalog is changed."""
_KEPT_IN_COLUMNS: Final = {"version", "effective_date"}


@dataclass(frozen=True)
class CatalogSnapshot:
    """The catalog at one moment."""

    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))
    """Offered models by public name, each with all of its price versions."""
    retired_models: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))
    """Models that left the catalog. They may no longer be called, but calls in progress settle at their prices."""
    offered_virtual_models: tuple[OfferedVirtualModel, ...] = ()

    @cached_property
    def models_by_any_name(self) -> Mapping[str, Model]:
        """Offered models by public name, by alias and by `provider/name`. The name that the catalog states wins."""
        qualified = {qualified_name(name, model.provider): model for name, model in self.models.items()}
        aliases = {alias: model for model in self.models.values() for alias in model.aliases}
        return MappingProxyType({**qualified, **aliases, **self.models})

    @cached_property
    def virtual_models(self) -> Owned:
        """The virtual models that every organization has, by name."""
        return MappingProxyType({one.name: of_catalog(one) for one in self.offered_virtual_models})

    @cached_property
    def answered_models(self) -> AnsweredModels:
        """The models that may answer a call, by every name that a provider gives them."""
        offered, retired = self.models.values(), self.retired_models.values()
        deployed = (place for model in (*offered, *retired) for place in model.deployed)
        return AnsweredModels((*offered, *retired, *deployed))

    @cached_property
    def has_deployments(self) -> bool:
        """Whether any model on offer has several deployments."""
        return any(model.deployments for model in self.models.values())

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The deployments of models on offer that have several, sorted."""
        return tuple(sorted({one.place for model in self.models.values() for one in model.deployments}))

    @cached_property
    def sole_places(self) -> frozenset[str]:
        """The places of models on offer that have only one."""
        return frozenset(model.place for model in self.models.values() if not model.deployments)

    @cached_property
    def view(self) -> CatalogView:
        """What decisions on calls need to know of the catalog."""
        return CatalogView(
            self.models_by_any_name, self.providers, self.answered_models, self.virtual_models, self.has_deployments
        )

    def known_model(self, name: str) -> Model | None:
        """Returns an offered or retired model by its public name; None if there is none."""
        return self.models.get(name) or self.retired_models.get(name)

    def schedule(self, model_name: str, version: int) -> PriceSchedule | None:
        """Returns the prices that a record or hold names; None if unknown."""
        return self._schedules.get((model_name, version))

    @cached_property
    def _schedules(self) -> Mapping[tuple[str, int], PriceSchedule]:
        """Every settlement asks for one. Offered models win over retired ones of the same name."""
        models = {**self.retired_models, **self.models}
        return {(name, schedule.version): schedule for name, model in models.items() for schedule in model.schedules}


async def load_snapshot(connection: Connection) -> CatalogSnapshot:
    """Reads the whole catalog as of one moment. Skips and logs rows that no longer validate."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await read_snapshot(connection)


async def read_snapshot(connection: Connection) -> CatalogSnapshot:
    """Reads the whole catalog within a transaction in which it does not change."""
    provider_rows = await connection.fetch("SELECT provider_id, definition FROM providers")
    model_rows = await connection.fetch("SELECT model_name, definition, offered FROM models ORDER BY model_name")
    price_rows = await connection.fetch(
        "SELECT model_name, version, effective_date, prices FROM price_versions ORDER BY model_name, version"
    )
    virtual_rows = await connection.fetch(
        "SELECT model_name, definition FROM catalog_virtual_models ORDER BY model_name"
    )
    schedules: dict[str, list[PriceSchedule]] = {}
    for row in price_rows:
        with _skipping_invalid("price version", row["model_name"]):
            schedules.setdefault(row["model_name"], []).append(_schedule_of(row))
    providers: dict[str, Provider] = {}
    for row in provider_rows:
        with _skipping_invalid("provider", row["provider_id"]):
            providers[row["provider_id"]] = Provider.model_validate_json(row["definition"])
    offered: dict[str, Model] = {}
    retired: dict[str, Model] = {}
    for row in model_rows:
        with _skipping_invalid("model", row["model_name"]):
            model = Model.model_validate_json(row["definition"])
            priced = model.model_copy(update={"schedules": tuple(schedules.get(model.name, ()))})
            (offered if row["offered"] else retired)[model.name] = priced
    virtual = []
    for row in virtual_rows:
        with _skipping_invalid("virtual model", row["model_name"]):
            virtual.append(OfferedVirtualModel.model_validate_json(row["definition"]))
    return CatalogSnapshot(
        MappingProxyType(providers), MappingProxyType(offered), MappingProxyType(retired), tuple(virtual)
    )


@contextmanager
def _skipping_invalid(kind: str, name: str) -> Iterator[None]:
    """Skips and logs a stored entry that the code no longer accepts, so that one bad row does not disable the whole catalog."""
    try:
        yield
    except ValidationError:
        logger.exception("stored catalog entry is invalid", extra={"kind": kind, "entry": name})


def _schedule_of(row: asyncpg.Record) -> PriceSchedule:
    return PriceSchedule.model_validate(
        {"version": row["version"], "effective_date": row["effective_date"], **json.loads(row["prices"])}
    )


def _content_of(row: asyncpg.Record) -> object:
    """Returns what a stored version says, in the form that is written today, so that a row without a newer field says its
    default.

    None if the code no longer accepts the row. Any prices differ from it.
    """
    try:
        return _content(_schedule_of(row))
    except ValidationError:
        return None


def _content(schedule: PriceSchedule) -> object:
    return schedule.model_dump(mode="json", exclude=_KEPT_IN_COLUMNS)


def stored_form(entry: BaseModel, exclude: set[str] | None = None) -> dict[str, object]:
    """Returns an entry without what has its default. So a release before a new field reads every entry that does not use it."""
    return entry.model_dump(mode="json", exclude=exclude, exclude_defaults=True)


class CatalogCache:
    """The newest known snapshot. Empty until the database has a model. Follows changes, and rereads at least every 30 s."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._snapshot = CatalogSnapshot()
        self._loaded = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def snapshot(self) -> CatalogSnapshot:
        """The current snapshot; never waits."""
        return self._snapshot

    @property
    def is_loaded(self) -> bool:
        """Whether there is at least one model."""
        return self._loaded.is_set()

    async def loaded(self) -> CatalogSnapshot:
        """Waits until there is at least one model, and returns the snapshot."""
        await self._loaded.wait()
        return self._snapshot

    async def refresh(self) -> CatalogSnapshot:
        """Reads the catalog now.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        async with self._pool.acquire() as connection:
            read = await load_snapshot(connection)
        # Keep the object if nothing changed, because values derived from it stay valid.
        if read != self._snapshot:
            self._snapshot = read
        if self._snapshot.models:
            self._loaded.set()
        return self._snapshot

    def note_change(self) -> None:
        """Schedules a read of the catalog."""
        self._changed.set()

    async def follow(self) -> None:
        """Keeps the snapshot current until canceled."""
        while True:
            self._changed.clear()
            wait_s = _MAX_AGE_S if self.is_loaded else _RETRY_S
            try:
                await self.refresh()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("could not read the catalog", extra={"error": type(error).__name__})
                wait_s = _RETRY_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)


@asynccontextmanager
async def open_catalog_cache(pool: asyncpg.Pool, settings: DatabaseSettings, role: str) -> AsyncIterator[CatalogCache]:
    """Opens a cache that stays current while the context is open.

    It does not wait for the first load: see `CatalogCache.loaded`.
    """
    cache = CatalogCache(pool)
    listener = Listener(
        settings, role, [CHANNEL], lambda _channel, _payload: cache.note_change(), on_restored=cache.note_change
    )
    async with running(listener), in_background(cache.follow()):
        yield cache


async def sync_catalog(connection: Connection, catalog: Catalog) -> None:
    """Makes the tables equal to a catalog file, in one transaction. A second run changes nothing.

    What the API added is not in the file and stays as it is, also if the file has the same name: see `_without_others`.

    Models that left the file are retired. A price version is added only if the prices differ from the newest stored
    version of the same effective date and deployment. Stored versions are never changed or withdrawn.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_ID)
        catalog = await _without_others(connection, catalog)
        await _sync_providers(connection, catalog)
        await _sync_models(connection, catalog)
        await add_prices(connection, catalog.models)
        await _sync_virtual_models(connection, catalog)


async def _without_others(connection: Connection, catalog: Catalog) -> Catalog:
    """Returns the catalog without the providers and models whose names the API has given to others."""
    providers = {name for (name,) in await connection.fetch("SELECT provider_id FROM providers WHERE origin = 'API'")}
    models = {name for (name,) in await connection.fetch("SELECT model_name FROM models WHERE origin = 'API'")}
    names = {one.name for one in catalog.providers} & providers, {one.name for one in catalog.models} & models
    if left_out := sorted(set.union(*names)):
        logger.warning("the catalog file has names that the API gave to others", extra={"names": left_out})
    kept = {
        "providers": tuple(one for one in catalog.providers if one.name not in providers),
        "models": tuple(one for one in catalog.models if one.name not in models),
    }
    return catalog.model_copy(update=kept)


async def _sync_providers(connection: Connection, catalog: Catalog) -> None:
    stored = {
        row["provider_id"]: json.loads(row["definition"])
        for row in await connection.fetch("SELECT provider_id, definition FROM providers")
    }
    wanted = {provider.name: stored_form(provider) for provider in catalog.providers}
    changed = [(name, json.dumps(value)) for name, value in wanted.items() if stored.get(name) != value]
    if changed:
        await connection.executemany(
            "INSERT INTO providers (provider_id, definition) VALUES ($1, $2)"
            " ON CONFLICT (provider_id) DO UPDATE SET definition = excluded.definition",
            changed,
        )


async def _sync_virtual_models(connection: Connection, catalog: Catalog) -> None:
    stored = {
        row["model_name"]: json.loads(row["definition"])
        for row in await connection.fetch("SELECT model_name, definition FROM catalog_virtual_models")
    }
    wanted = {one.name: one.model_dump(mode="json") for one in catalog.virtual_models}
    changed = [(name, json.dumps(value)) for name, value in wanted.items() if stored.get(name) != value]
    if changed:
        await connection.executemany(
            "INSERT INTO catalog_virtual_models (model_name, definition) VALUES ($1, $2)"
            " ON CONFLICT (model_name) DO UPDATE SET definition = excluded.definition",
            changed,
        )
    if gone := sorted(stored.keys() - wanted.keys()):
        await connection.execute("DELETE FROM catalog_virtual_models WHERE model_name = ANY($1)", gone)


async def _sync_models(connection: Connection, catalog: Catalog) -> None:
    stored = {
        row["model_name"]: (json.loads(row["definition"]), row["offered"])
        for row in await connection.fetch("SELECT model_name, definition, offered FROM models WHERE origin = 'FILE'")
    }
    wanted = {model.name: stored_form(model, {"schedules"}) for model in catalog.models}
    changed = [
        (model.name, model.provider, json.dumps(wanted[model.name]))
        for model in catalog.models
        if stored.get(model.name) != (wanted[model.name], True)
    ]
    if changed:
        await connection.executemany(
            "INSERT INTO models (model_name, provider_id, definition) VALUES ($1, $2, $3) ON CONFLICT (model_name)"
            " DO UPDATE SET provider_id = excluded.provider_id, definition = excluded.definition, offered = true",
            changed,
        )
    retired = [name for name, (_definition, offered) in stored.items() if offered and name not in wanted]
    if retired:
        await connection.execute("UPDATE models SET offered = false WHERE model_name = ANY($1)", retired)


async def add_prices(connection: Connection, models: Iterable[Model]) -> None:
    """Adds the prices of models that differ from the newest version of their date and deployment."""
    newest_version: dict[str, int] = {}
    newest_prices: dict[tuple[str, dt.date, str], object] = {}
    for row in await connection.fetch(
        "SELECT model_name, version, effective_date, prices FROM price_versions ORDER BY model_name, version"
    ):
        newest_version[row["model_name"]] = row["version"]
        deployment = json.loads(row["prices"]).get("deployment", "")
        newest_prices[row["model_name"], row["effective_date"], deployment] = _content_of(row)
    additions = []
    for model in models:
        for schedule in model.schedules:
            prices = _content(schedule)
            key = model.name, schedule.effective_date, schedule.deployment
            if newest_prices.get(key) != prices:
                newest_version[model.name] = newest_version.get(model.name, 0) + 1
                stored = json.dumps(stored_form(schedule, _KEPT_IN_COLUMNS))
                additions.append((model.name, newest_version[model.name], schedule.effective_date, stored))
    if additions:
        await connection.executemany(
            "INSERT INTO price_versions (model_name, version, effective_date, prices) VALUES ($1, $2, $3, $4)",
            additions,
        )
