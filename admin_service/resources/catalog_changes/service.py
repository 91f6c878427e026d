"""Serves `megarouter.admin.v1.CatalogChanges`."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import catalog_change_pb2 as pb
from megarouter.admin.v1.catalog_change_pb2 import ModelConfiguration, ProviderConfiguration
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import OperatorCaller
from admin_service.access.permissions import Permission
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import AdminError, FieldViolation, already_exists, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.names import MODELS
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.catalog_changes import store
from admin_service.resources.catalog_changes.confirmation import Made, confirm
from admin_service.resources.catalog_changes.definitions import read_model, read_provider
from admin_service.resources.catalog_changes.limits import ListenerLimitsHandlers
from admin_service.resources.catalog_changes.messages import (
    configuration_name,
    model_message,
    provider_message,
    version_message,
)
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace, keys_for
from admin_service.resources.catalog_changes.store import StoredCredential, StoredModel, StoredProvider
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER, Model
from gateway_core.stores.postgres.catalog_store import add_prices, read_snapshot
from gateway_core.stores.postgres.connections import Connection

MAX_PROVIDERS: Final = 200
MAX_MODELS: Final = 1_000
_EVERYBODY: Final = ""
_PROVIDERS: Final = Listing(
    columns=store.PROVIDER_COLUMNS,
    source=store.PROVIDER_SOURCE,
    make=store.provider_row,
    permission=Permission.OPERATORS_READ,
    orders={"name": SortColumn("p.provider_id")},
    unique=SortColumn("p.provider_id"),
    default_order="name",
    fields={},
)
_VERSIONS: Final = Listing(
    columns=store.VERSION_COLUMNS,
    source=store.VERSION_SOURCE,
    make=store.VersionRow,
    permission=Permission.OPERATORS_READ,
    orders={"number": SortColumn("v.number", "bigint")},
    unique=SortColumn("v.number", "bigint"),
    default_order="number desc",
    fields={},
)


class CatalogChangesApi:
    """Providers, credentials, models and limits that operators change."""

    service = pb.DESCRIPTOR.services_by_name["CatalogChanges"]

    def __init__(
        self, pool: asyncpg.Pool, page_tokens: PageTokens, keys: CredentialKeys | None, now: Callable[[], dt.datetime]
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            page_tokens: makes and reads page tokens.
            keys: seal credentials. None: the deployment keeps none.
            now: the present time.
        """
        self._pool = pool
        self._page_tokens = page_tokens
        self._keys = keys
        self._now = now
        limits = ListenerLimitsHandlers(pool)
        self.handlers: Mapping[str, Handle] = {
            "GetProviderConfiguration": self.get_provider,
            "ListProviderConfigurations": self.list_providers,
            "GetModelConfiguration": self.get_model,
            "ListConfigurationVersions": self.list_versions,
            "GetListenerLimits": limits.get,
        }
        self.changes: Mapping[str, MakeChange] = {
            "AddProvider": self.add_provider,
            "ReplaceProvider": self.replace_provider,
            "RemoveProvider": self.remove_provider,
            "SetProviderCredential": self.set_credential,
            "ClearProviderCredential": self.clear_credential,
            "OfferModel": self.offer_model,
            "RetireModel": self.retire_model,
            "ReplaceListenerLimits": limits.replace,
        }
        self.rules: Mapping[str, Rule] = {}

    async def get_provider(
        self, request: pb.GetProviderConfigurationRequest, _caller: OperatorCaller
    ) -> ProviderConfiguration:
        """GetProviderConfiguration returns how a provider is reached."""
        async with self._pool.acquire() as connection:
            return provider_message(await _provider(connection, request.name, Permission.OPERATORS_READ))

    async def list_providers(
        self, request: pb.ListProviderConfigurationsRequest, _caller: OperatorCaller
    ) -> pb.ListProviderConfigurationsResponse:
        """ListProviderConfigurations returns how all providers are reached."""
        query = _PROVIDERS.query(request, self._page_tokens, _EVERYBODY, Condition("NOT p.removed"))
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return pb.ListProviderConfigurationsResponse(
            provider_configurations=map(provider_message, page.rows), next_page_token=page.next_page_token
        )

    async def get_model(self, request: pb.GetModelConfigurationRequest, _caller: OperatorCaller) -> ModelConfiguration:
        """GetModelConfiguration returns how a model is served."""
        async with self._pool.acquire() as connection:
            return model_message(await _model(connection, request.name, Permission.OPERATORS_READ))

    async def list_versions(
        self, request: pb.ListConfigurationVersionsRequest, _caller: OperatorCaller
    ) -> pb.ListConfigurationVersionsResponse:
        """ListConfigurationVersions returns who changed what."""
        query = _VERSIONS.query(request, self._page_tokens, _EVERYBODY)
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return pb.ListConfigurationVersionsResponse(
            configuration_versions=map(version_message, page.rows), next_page_token=page.next_page_token
        )

    async def add_provider(self, request: pb.AddProviderRequest, change: Change) -> ProviderConfiguration:
        """AddProvider adds a provider, or one whose id was removed before."""
        await store.lock_catalog(change.connection)
        name = _provider_in(request.name)
        before = await store.find_provider(change.connection, name)
        if before is not None and not before.is_removed:
            raise already_exists(request.name)
        if await store.count_providers(change.connection) >= MAX_PROVIDERS:
            raise _limit_reached(f"{MAX_PROVIDERS} providers")
        snapshot = await read_snapshot(change.connection)
        provider = read_provider(request.definition, name, snapshot.providers)
        if name == VIRTUAL_PROVIDER:
            raise invalid_fields(FieldViolation("name", "means virtual models in whitelists"))
        credential = await self._credential(request.secret, name, change) if request.secret else None
        after = StoredProvider(provider, store.API, is_removed=False, credential=credential)
        return await self._put(change, before, after)

    async def replace_provider(self, request: pb.ReplaceProviderRequest, change: Change) -> ProviderConfiguration:
        """ReplaceProvider replaces the definition of a provider."""
        await store.lock_catalog(change.connection)
        before = await _provider(change.connection, request.name, Permission.OPERATORS_WRITE)
        check_etag(request.etag, before.etag)
        _refuse_if_of_file(before.origin, request.name)
        snapshot = await read_snapshot(change.connection)
        provider = read_provider(request.definition, before.provider.name, snapshot.providers)
        for model in snapshot.models.values():
            if provider.name in model.providers and {one.dialect for one in model.endpoints} - provider.dialects.keys():
                message = f"leaves out a dialect in which {model.name} is called"
                raise invalid_fields(FieldViolation("definition.dialects", message))
        return await self._put(change, before, dataclasses.replace(before, provider=provider))

    async def remove_provider(self, request: pb.RemoveProviderRequest, change: Change) -> ProviderConfiguration:
        """RemoveProvider removes a provider with its credential."""
        await store.lock_catalog(change.connection)
        before = await _provider(change.connection, request.name, Permission.OPERATORS_WRITE)
        check_etag(request.etag, before.etag)
        _refuse_if_of_file(before.origin, request.name)
        if (model := await store.model_served_by(change.connection, before.provider.name)) is not None:
            message = f"The provider serves {MODELS}/{model}. Retire the model, or offer it without this provider."
            metadata = {"model": f"{MODELS}/{model}"}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.PROVIDER_IN_USE, message, metadata)
        return await self._put(change, before, dataclasses.replace(before, is_removed=True, credential=None))

    async def set_credential(self, request: pb.SetProviderCredentialRequest, change: Change) -> ProviderConfiguration:
        """SetProviderCredential sets the credential of a provider, wherever the provider comes from."""
        await store.lock_catalog(change.connection)
        before = await _provider(change.connection, request.name, Permission.OPERATORS_WRITE)
        authentication = before.provider.authentication
        if authentication is not None and authentication.kind != "aws_signature":
            raise _of_file(request.name)
        credential = await self._credential(request.secret, before.provider.name, change)
        return await self._put(change, before, dataclasses.replace(before, credential=credential))

    async def clear_credential(
        self, request: pb.ClearProviderCredentialRequest, change: Change
    ) -> ProviderConfiguration:
        """ClearProviderCredential removes the credential that the API set."""
        await store.lock_catalog(change.connection)
        before = await _provider(change.connection, request.name, Permission.OPERATORS_WRITE)
        return await self._put(change, before, dataclasses.replace(before, credential=None))

    async def offer_model(self, request: pb.OfferModelRequest, change: Change) -> ModelConfiguration:
        """OfferModel offers a model, or changes one on offer."""
        await store.lock_catalog(change.connection)
        name = _model_in(request.name)
        before = await store.find_model(change.connection, name)
        check_etag(request.etag, before.etag if before else "")
        if before is not None and before.is_offered:
            _refuse_if_of_file(before.origin, request.name)
        elif await store.count_models(change.connection) >= MAX_MODELS:
            raise _limit_reached(f"{MAX_MODELS} models")
        snapshot = await read_snapshot(change.connection)
        model = read_model(request.definition, name, snapshot.providers)
        known = snapshot.known_model(name)
        if not model.schedules and (known is None or not known.schedules):
            raise invalid_fields(FieldViolation("definition", "must have prices_nano_credits_per_million_tokens"))
        if (taken := await store.taken_name(change.connection, model)) is not None:
            raise already_exists(f"{MODELS}/{taken}")
        for one in model.providers:
            stored = await store.find_provider(change.connection, one)
            if stored is None or stored.is_removed:
                raise invalid_fields(FieldViolation("definition.provider", f"{one} was removed"))
        await store.put_model(change.connection, model, is_offered=True)
        await add_prices(change.connection, (model,))
        return await self._noted_model(change, before, StoredModel(_without_prices(model), store.API, is_offered=True))

    async def retire_model(self, request: pb.RetireModelRequest, change: Change) -> ModelConfiguration:
        """RetireModel takes a model from the offer."""
        await store.lock_catalog(change.connection)
        before = await _model(change.connection, request.name, Permission.OPERATORS_WRITE)
        _refuse_if_of_file(before.origin, request.name)
        if not before.is_offered:
            return model_message(before)
        await store.put_model(change.connection, before.model, is_offered=False)
        return await self._noted_model(change, before, dataclasses.replace(before, is_offered=False))

    async def _credential(self, secret: str, provider: str, change: Change) -> StoredCredential:
        keys, place = keys_for(secret, self._keys), CredentialPlace(provider)
        sealed, fingerprint = keys.seal(secret, place), keys.fingerprint(secret, place)
        user = change.caller.user
        return StoredCredential(
            sealed, fingerprint, user, self._now(), await store.name_of_user(change.connection, user)
        )

    async def _put(self, change: Change, before: StoredProvider | None, after: StoredProvider) -> ProviderConfiguration:
        """Stores a provider, and has the change confirmed once it is committed."""
        message = provider_message(after)
        if after == before:
            return message
        name = configuration_name(after.provider.name)
        await store.put_provider(change.connection, after)
        earlier = None if before is None or before.is_removed else provider_message(before)
        change.record_for_operators(name, earlier, None if after.is_removed else message)
        number = await store.add_version(change.connection, change.caller.user, change.method, name)
        former = before or dataclasses.replace(after, is_removed=True, credential=None)
        user = change.caller.user

        async def undo(connection: Connection) -> None:
            if await store.find_provider(connection, after.provider.name) == after:
                await store.put_provider(connection, former)
                await store.add_version(connection, user, "undo", name)

        made = Made(number, tuple(after.provider.targets), undo)
        change.after_commit = lambda: confirm(self._pool, made)
        return message

    async def _noted_model(self, change: Change, before: StoredModel | None, after: StoredModel) -> ModelConfiguration:
        name, message = f"{MODELS}/{after.model.name}", model_message(after)
        change.record_for_operators(name, None if before is None else model_message(before), message)
        number = await store.add_version(change.connection, change.caller.user, change.method, name)
        change.after_commit = lambda: confirm(self._pool, Made(number))
        return message


def _without_prices(model: Model) -> Model:
    return model.model_copy(update={"schedules": ()})


async def _provider(connection: Connection, name: str, permission: Permission) -> StoredProvider:
    stored = await store.find_provider(connection, _provider_in(name))
    if stored is None or stored.is_removed:
        raise permission_denied(permission, name[:MAX_SHOWN])
    return stored


async def _model(connection: Connection, name: str, permission: Permission) -> StoredModel:
    stored = await store.find_model(connection, _model_in(name))
    if stored is None:
        raise permission_denied(permission, name[:MAX_SHOWN])
    return stored


def _provider_in(name: str) -> str:
    """Returns the id of a provider in the name of its configuration."""
    provider = name.removeprefix("providers/").removesuffix("/configuration")
    if name != configuration_name(provider):
        raise invalid_fields(FieldViolation("name", "must be providers/{provider}/configuration"))
    return provider


def _model_in(name: str) -> str:
    root, _, model = name.partition("/")
    if root != MODELS or not model:
        raise invalid_fields(FieldViolation("name", f"must be {MODELS}/ and the public name of a model"))
    return model


def _refuse_if_of_file(origin: str, name: str) -> None:
    if origin == store.FILE:
        raise _of_file(name)


def _of_file(name: str) -> AdminError:
    message = f"{name[:MAX_SHOWN]} comes from the catalog file of the deployment. Change the file."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CATALOG_FILE_DECIDES, message)


def _limit_reached(what: str) -> AdminError:
    message = f"The API can add at most {what}. Remove one that is no longer needed."
    return AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.PROVIDER_LIMIT_REACHED, message)
