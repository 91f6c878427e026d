"""Serves `megarouter.admin.v1.Catalog`."""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
from megarouter.admin.v1 import catalog_pb2

from admin_service.access.authorization import Caller, UserCaller
from admin_service.access.permissions import Permission
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import permission_denied
from admin_service.api.names import MODELS, PROVIDERS
from admin_service.listing.filter_sql import IntegerField, NameField, TextField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.catalog import store
from admin_service.resources.catalog.messages import model_message, price_message, provider_message
from admin_service.resources.guardrails.named_principals import named_principal
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.catalog_store import load_snapshot
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.deployments import DeploymentStandings

logger = logging.getLogger(__name__)

_EVERYBODY: Final = ""
"""No organization: all of them share one catalog."""
_MODELS: Final = Listing(
    columns=store.MODEL_COLUMNS,
    source=store.MODEL_SOURCE,
    make=store.model_row,
    permission=Permission.CATALOG_READ,
    orders={"name": SortColumn("m.model_name")},
    unique=SortColumn("m.model_name"),
    default_order="name",
    fields={
        "provider": NameField("m.provider_id", "providers/{id}"),
        "upstream_name": TextField("(m.definition->>'upstream_name')"),
        "context_window_tokens": IntegerField("(m.definition->>'context_window_tokens')::bigint"),
        "max_output_tokens": IntegerField("(m.definition->>'max_output_tokens')::bigint"),
    },
    searched=("m.model_name",),
)
_PRICES: Final = Listing(
    columns=store.PRICE_COLUMNS,
    source=store.PRICE_SOURCE,
    make=store.price_row,
    permission=Permission.CATALOG_READ,
    orders={"version": SortColumn("p.version", "bigint")},
    unique=SortColumn("p.version", "bigint"),
    default_order="version desc",
    fields={},
)
_PROVIDERS: Final = Listing(
    columns=store.PROVIDER_COLUMNS,
    source=store.PROVIDER_SOURCE,
    make=store.provider_row,
    permission=Permission.CATALOG_READ,
    orders={"name": SortColumn("p.provider_id")},
    unique=SortColumn("p.provider_id"),
    default_order="name",
    fields={},
)
_MODEL: Final = f"SELECT {store.MODEL_COLUMNS} FROM {store.MODEL_SOURCE} WHERE m.model_name = $1"  # noqa: S608
_HAS_MODEL: Final = "SELECT true FROM models WHERE model_name = $1"
_PROVIDER: Final = (
    f"SELECT {store.PROVIDER_COLUMNS} FROM {store.PROVIDER_SOURCE} WHERE p.provider_id = $1 AND NOT p.removed"  # noqa: S608
)


class CatalogApi:
    """The models that can be called, their providers and prices. Read-only: `catalog_changes` changes them."""

    service = catalog_pb2.DESCRIPTOR.services_by_name["Catalog"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, standings: DeploymentStandings) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._standings = standings
        self.handlers: Mapping[str, Handle] = {
            "GetModel": self.get_model,
            "ListModels": self.list_models,
            "ListModelPrices": self.list_prices,
            "GetProvider": self.get_provider,
            "ListProviders": self.list_providers,
            "ListUsableModels": self.list_usable,
        }
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    async def get_model(self, request: catalog_pb2.GetModelRequest, _caller: UserCaller) -> catalog_pb2.Model:
        """GetModel returns one model with its current price."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_MODEL, _id_in(MODELS, request.name))
        if row is None:
            raise _absent(request.name)
        [message] = await self._messages([store.model_row(*row)])
        return message

    async def list_models(
        self, request: catalog_pb2.ListModelsRequest, _caller: UserCaller
    ) -> catalog_pb2.ListModelsResponse:
        """ListModels returns the models of the catalog."""
        offered = Condition("true") if request.show_retired else Condition("m.offered")
        query = _MODELS.query(request, self._page_tokens, _EVERYBODY, offered)
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return catalog_pb2.ListModelsResponse(
            models=await self._messages(page.rows), next_page_token=page.next_page_token
        )

    async def _messages(self, rows: Sequence[store.ModelRow]) -> list[catalog_pb2.Model]:
        health = None
        if any(row.model.deployments for row in rows):
            try:
                health = (await self._standings.read(0)).health
            except UNAVAILABLE as error:
                logger.info("the health of deployments is not known", extra={"error": type(error).__name__})
        return [model_message(row, health) for row in rows]

    async def list_prices(
        self, request: catalog_pb2.ListModelPricesRequest, _caller: UserCaller
    ) -> catalog_pb2.ListModelPricesResponse:
        """ListModelPrices returns the price versions of a model."""
        model = _id_in(MODELS, request.parent)
        query = _PRICES.query(request, self._page_tokens, _EVERYBODY, Condition("p.model_name = {}", model))
        async with self._pool.acquire() as connection:
            if not await connection.fetchval(_HAS_MODEL, model):
                raise _absent(request.parent)
            page = await query.read(connection)
        return catalog_pb2.ListModelPricesResponse(
            model_prices=map(price_message, page.rows), next_page_token=page.next_page_token
        )

    async def get_provider(self, request: catalog_pb2.GetProviderRequest, _caller: UserCaller) -> catalog_pb2.Provider:
        """GetProvider returns one provider with its health."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_PROVIDER, _id_in(PROVIDERS, request.name))
        if row is None:
            raise _absent(request.name)
        return provider_message(store.provider_row(*row))

    async def list_providers(
        self, request: catalog_pb2.ListProvidersRequest, _caller: UserCaller
    ) -> catalog_pb2.ListProvidersResponse:
        """ListProviders returns the providers of the catalog."""
        query = _PROVIDERS.query(request, self._page_tokens, _EVERYBODY, Condition("NOT p.removed"))
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return catalog_pb2.ListProvidersResponse(
            providers=map(provider_message, page.rows), next_page_token=page.next_page_token
        )

    async def list_usable(
        self, request: catalog_pb2.ListUsableModelsRequest, caller: Caller
    ) -> catalog_pb2.ListUsableModelsResponse:
        """ListUsableModels returns the models that a member or key may use."""
        principal = await named_principal(self._pool, caller)
        async with self._pool.acquire() as connection:
            snapshot = await load_snapshot(connection)
            today = dt.datetime.now(dt.UTC).date()
            usable = [
                model.name
                for model in snapshot.models.values()
                if principal.may_call_any(model.name, model.providers) and model.schedule_at(today)
            ]
            among_them = Condition("m.model_name = ANY({}::text[])", usable)
            organization = caller.resource.organization
            page = await _MODELS.query(request, self._page_tokens, organization, among_them).read(connection)
        return catalog_pb2.ListUsableModelsResponse(
            models=await self._messages(page.rows), next_page_token=page.next_page_token
        )


def _id_in(collection: str, name: str) -> str:
    """Returns the id after the collection.

    Raises:
        AdminError: PERMISSION_DENIED, the text is not a name in the collection.
    """
    root, _, rest = name.partition("/")
    if root != collection:
        raise _absent(name)
    return rest


def _absent(name: str) -> Exception:
    return permission_denied(Permission.CATALOG_READ, name[:MAX_SHOWN])
