"""The part of the catalog that Envoy's configuration depends on."""

from dataclasses import dataclass
from pathlib import Path


class CatalogRefusedError(Exception):
    """The catalog is not valid. The message says what is wrong."""


@dataclass(frozen=True)
class ProviderEntry:
    """A provider, and how to reach it and log in to it. One that wants its credential in several headers has several entries."""

    name: str
    """Of the target: `Provider.target`."""
    url: str
    """The base URL of one of its dialects. The catalog ensures that all its dialects share scheme, host and port."""
    credential_env: str
    credential_header: str
    authentication: dict[str, str] | None = None
    """What the credential is, as the catalog states it; None if it is a key that is sent as it is."""


@dataclass(frozen=True)
class ModelEntry:
    """A model that a call can name."""

    name: str
    provider: str
    answers_chat: bool


@dataclass(frozen=True)
class CatalogSummary:
    """Providers and models in catalog order."""

    providers: tuple[ProviderEntry, ...]
    models: tuple[ModelEntry, ...]
    fallbacks: tuple[tuple[str, ...], ...] = ()
    """Orders in which the targets of one call may be tried."""


def summarize(catalog_file: Path) -> CatalogSummary:
    """Returns the summary of a valid catalog.

    Raises:
        CatalogRefusedError: the catalog is not valid or cannot be read.
    """
    # Imported here, because a start with a cached summary does not need the slow validation library.
    from gateway_core.model.catalog_file import CatalogError, load_catalog  # noqa: PLC0415
    from gateway_core.model.deployments.fallbacks import orders_of  # noqa: PLC0415
    from gateway_core.model.endpoints import Endpoint  # noqa: PLC0415

    try:
        catalog = load_catalog(catalog_file)
    except CatalogError as error:
        raise CatalogRefusedError(str(error)) from error
    return CatalogSummary(
        providers=tuple(
            ProviderEntry(
                target,
                next(iter(provider.dialects.values())),
                provider.credential_env,
                header,
                provider.authentication.model_dump() if provider.authentication else None,
            )
            for provider in catalog.providers
            for target, header in provider.targets.items()
        ),
        models=tuple(
            ModelEntry(model.name, model.provider, Endpoint.CHAT_COMPLETIONS in model.endpoints)
            for model in catalog.models
        ),
        fallbacks=orders_of({provider.name: provider for provider in catalog.providers}, catalog.models),
    )
