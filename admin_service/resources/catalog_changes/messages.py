"""Converts rows to messages."""

from megarouter.admin.v1 import catalog_change_pb2
from megarouter.admin.v1.catalog_change_pb2 import (
    ConfigurationVersion,
    ModelConfiguration,
    ProviderConfiguration,
    ProviderCredential,
)

from admin_service.api.names import MODELS, PROVIDERS, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.catalog_changes.definitions import shown
from admin_service.resources.catalog_changes.store import StoredCredential, StoredModel, StoredProvider, VersionRow


def provider_message(stored: StoredProvider) -> ProviderConfiguration:
    """Returns a provider as operators see it."""
    return ProviderConfiguration(
        name=configuration_name(stored.provider.name),
        definition=shown(stored.provider),
        origin=_origin(stored.origin),
        credential=None if stored.credential is None else _credential_message(stored.credential),
        etag=stored.etag,
    )


def configuration_name(provider: str) -> str:
    """Returns the name of a provider's configuration."""
    return f"{PROVIDERS}/{provider}/configuration"


def model_message(stored: StoredModel) -> ModelConfiguration:
    """Returns a model as operators see it."""
    return ModelConfiguration(
        name=f"{MODELS}/{stored.model.name}",
        definition=shown(stored.model),
        origin=_origin(stored.origin),
        retired=not stored.is_offered,
        etag=stored.etag,
    )


def version_message(row: VersionRow) -> ConfigurationVersion:
    """Returns a version as operators see it."""
    state = ConfigurationVersion.STATE_REFUSED if row.refusal else ConfigurationVersion.STATE_ACCEPTED
    return ConfigurationVersion(
        number=row.number,
        create_time=timestamp(row.create_time),
        user=str(UserResourceName(row.user)),
        method=row.method,
        resource=row.resource,
        state=state,
        refusal=row.refusal,
        user_display_name=row.user_name,
    )


def _credential_message(credential: StoredCredential) -> ProviderCredential:
    return ProviderCredential(
        fingerprint=credential.fingerprint,
        set_time=timestamp(credential.set_time),
        setter=str(UserResourceName(credential.set_by)),
        setter_display_name=credential.setter_name,
    )


def _origin(origin: str) -> catalog_change_pb2.CatalogOrigin.ValueType:
    return catalog_change_pb2.CatalogOrigin.Value(f"CATALOG_ORIGIN_{origin}")
