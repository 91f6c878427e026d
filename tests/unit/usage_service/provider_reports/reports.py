"""Converts a provider's document to the two forms in which Envoy reports it."""

import json
from collections.abc import Iterator, Mapping

Document = Mapping[str, object]


def streamed(**objects: Document | None) -> dict[str, object]:
    """Returns the report about a stream: each object as JSON text. None counts as missing."""
    return {key: json.dumps(value) for key, value in objects.items() if value is not None}


def answered(prefix: str, document: Document) -> dict[str, object]:
    """Returns the report about a JSON answer: leaves under dotted paths, numbers as doubles, null as missing."""
    return dict(_leaves(prefix, document))


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path, float(value)
    elif value is not None:
        yield path, value
