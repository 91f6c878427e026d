"""Reads a catalog file, such as `deploy/catalog/catalog.yaml`."""

from collections.abc import Hashable
from pathlib import Path

import yaml
from pydantic import ValidationError

from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.validation_problems import problems_of


class CatalogError(Exception):
    """The catalog cannot be read. The message names the place and says what to change."""


def load_catalog(path: Path) -> Catalog:
    """Reads and validates a catalog file.

    Raises:
        CatalogError: the file is missing, is not YAML, or breaks a rule.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a safe loader
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: not UTF-8, or a date that does not exist.
        raise CatalogError(f"{path}: is not YAML: {error}") from error
    try:
        return Catalog.model_validate(document).with_provider_prices()
    except ValidationError as error:
        place, problem = problems_of(error)[0]
        raise CatalogError(f"{path}: {place or 'the file'}: {problem}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, because YAML would silently use the last of two prices."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} appears twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
