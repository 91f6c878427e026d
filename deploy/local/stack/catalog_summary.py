"""Caches the summary of the catalog, because loading the whole catalog takes 0.3 s."""

import dataclasses
from pathlib import Path
from typing import Any

from megarouter_envoy.settings.catalog_summary import CatalogSummary, ModelEntry, ProviderEntry, summarize

from deploy.local.stack.remembered import remembered, source_of


def read_catalog(catalog_file: Path, remembered_in: Path) -> CatalogSummary:
    """Returns the summary of a valid catalog.

    Args:
        catalog_file: the catalog.
        remembered_in: the file that caches the summary for the next start.

    Raises:
        CatalogRefusedError: the catalog is not valid or cannot be read.
    """
    if not catalog_file.is_file():
        return summarize(catalog_file)  # raises an error that says what is wrong
    content = remembered(remembered_in, source_of([catalog_file]), lambda: dataclasses.asdict(summarize(catalog_file)))
    return _restored(content)


def _restored(content: dict[str, Any]) -> CatalogSummary:
    return CatalogSummary(
        providers=tuple(ProviderEntry(**entry) for entry in content["providers"]),
        models=tuple(ModelEntry(**entry) for entry in content["models"]),
        fallbacks=tuple(map(tuple, content["fallbacks"])),
    )
