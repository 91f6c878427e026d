"""Writes the page with every type of alert event, and the file with their JSON schemas."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.event_data import EVENT_DATA, VERSION
from gateway_core.model.alerts.wording import sentence_of
from tools.pages.alert_examples import example_of
from tools.pages.docstrings import constant_docstrings

_INTRODUCTION: Final = """# Alert events

Generated from the code by `./dev protos --pages`; do not edit. [Alerts](../guides/alerts.md) says how to get them.

An event has an `id`, a `type`, a `time` and `data`. Below are the data of each type.
[alert-events.schema.json](alert-events.schema.json) has a JSON schema for each, version {version}. Within a version, data grows
only by new fields, so ignore what you do not know. `severity` is `INFO`, `WARNING` or `ALERT`. Amounts are nano-credits, a
billionth of a credit, as decimal text."""
_SCHEMA_URL: Final = "https://json-schema.org/draft/2020-12/schema"


def alert_events_page() -> str:
    """Returns the text of the page. Types are in the order of the module that defines them."""
    return "\n".join([_INTRODUCTION.format(version=VERSION), *_sections()]) + "\n"


def alert_events_schema() -> str:
    """Returns JSON: under `events`, the schema of the data of each type."""
    models = list(dict.fromkeys(EVENT_DATA.values()))
    references, definitions = models_json_schema([(model, "validation") for model in models], by_alias=True)
    content: dict[str, Any] = {
        "$schema": _SCHEMA_URL,
        "title": "Data of alert events",
        "version": VERSION,
        "events": {name: references[model, "validation"] for name, model in EVENT_DATA.items()},
        "$defs": _open(definitions["$defs"]),
    }
    return json.dumps(content, indent=2) + "\n"


def _open(definitions: dict[str, Any]) -> dict[str, Any]:
    """Lets receivers accept fields that later releases add."""
    return {
        name: {key: value for key, value in one.items() if key != "additionalProperties"}
        for name, one in definitions.items()
    }


def _sections() -> Iterator[str]:
    meanings = constant_docstrings(event_types)
    for name, value in vars(event_types).items():
        if isinstance(value, str) and value in EVENT_DATA:
            yield f"\n## `{value}`\n\n{meanings[name]}\n\n> {sentence_of(value, example_of(value))}\n"
            yield f"```json\n{json.dumps(example_of(value), indent=2, ensure_ascii=False)}\n```"
