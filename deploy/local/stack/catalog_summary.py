"""What the runner itself needs of the catalogue. Loading the whole takes a third of a second, so this part is remembered."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.stack.remembered import remembered, source_of


class CatalogRefusedError(Exception):
    """The catalogue is not valid; the message says what is wrong."""


@dataclass(frozen=True)
class ProviderEntry:
    """A provider and how to reach it."""

    name: str
    url: str
    """Of one of its dialects: the catalogue makes sure that all of them share scheme, host and port."""
    credential_env: str
    credential_header: str


@dataclass(frozen=True)
class ModelEntry:
    """A model that calls can name."""

    name: str
    provider: str
    answers_chat: bool


@dataclass(frozen=True)
class CatalogSummary:
    """Providers and models in the order of the catalogue."""

    providers: tuple[ProviderEntry, ...]
    models: tuple[ModelEntry, ...]


def read_catalog(catalog_file: Path, remembered_in: Path) -> CatalogSummary:
    """The summary of a valid catalogue.

    Args:
        catalog_file: the catalogue.
        remembered_in: the file that keeps the summary for the next start.

    Raises:
        CatalogRefusedError: it is not valid, or cannot be read.
    """
    if not catalog_file.is_file():
        return _restored(_summarize(catalog_file))  # which says what is wrong with it
    content = remembered(remembered_in, source_of([catalog_file]), lambda: _summarize(catalog_file))
    return _restored(content)


def _summarize(catalog_file: Path) -> dict[str, Any]:
    # Imported here: a start that remembers the summary does not wait for the validation to load.
    from gateway_core.model.catalog.entries import CatalogError, load_catalog  # noqa: PLC0415
    from gateway_core.model.endpoints import Endpoint  # noqa: PLC0415

    try:
        catalog = load_catalog(catalog_file)
    except CatalogError as error:
        raise CatalogRefusedError(str(error)) from error
    summary = CatalogSummary(
        providers=tuple(
            ProviderEntry(
                provider.name,
                next(iter(provider.dialects.values())),
                provider.credential_env,
                provider.credential_header,
            )
            for provider in catalog.providers
        ),
        models=tuple(
            ModelEntry(model.name, model.provider, Endpoint.CHAT_COMPLETIONS in model.endpoints)
            for model in catalog.models
        ),
    )
    return dataclasses.asdict(summary)


def _restored(content: dict[str, Any]) -> CatalogSummary:
    return CatalogSummary(
        providers=tuple(ProviderEntry(**entry) for entry in content["providers"]),
        models=tuple(ModelEntry(**entry) for entry in content["models"]),
    )
