"""What a caller may demand instead of free text: a call of one of its tools, or JSON by a schema."""

import json
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

_DEPTH_MAX = 32
_VALUES_MAX = 1_000
_TEXT = "amber"
_SCALARS = {"integer": 1, "number": 1.0, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Form:
    """The demanded form of an answer."""

    json: str
    """The arguments of the tool, or the whole text."""
    tool: str | None = None
    """The tool that is called. None: the answer is text."""

    @property
    def arguments(self) -> object:
        """The arguments of the tool as an object."""
        return json.loads(self.json)


def called_tool(tools: object, wanted: str | None = None) -> Form | None:
    """Returns a call of the tool named `wanted`, otherwise of the first tool that has a name; None if there is none.

    Takes the tools of any API: OpenAI's `function` and Gemini's `functionDeclarations` contain what others have at the top.
    """
    for tool in _declarations(tools):
        name = tool.get("name")
        if isinstance(name, str) and wanted in (None, name):
            schemas = (tool.get(key) for key in ("parameters", "parametersJsonSchema", "input_schema"))
            return Form(
                json.dumps(instance_of(next((schema for schema in schemas if schema), {"type": "object"}))), name
            )
    return None


def text_by_schema(schema: object) -> Form | None:
    """Returns text that is an instance of the schema; None if `schema` is none."""
    return Form(json.dumps(instance_of(schema))) if isinstance(schema, dict) else None


def instance_of(schema: object) -> object:
    """Returns a plain value that a JSON schema allows: all properties, one item in an array, the first of alternatives.

    What lies deeper than 32 levels, or follows after 1,000 values, is null.
    """
    return _Instance(schema).of(schema, 0)


class _Instance:
    """Makes one instance of a schema, and counts its values, because a schema may contain itself."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._values = 0

    def of(self, schema: object, depth: int) -> object:
        self._values += 1
        if not isinstance(schema, dict) or depth > _DEPTH_MAX or self._values > _VALUES_MAX:
            return None
        if "const" in schema:
            return schema["const"]
        if "$ref" in schema:
            return self.of(self._definition(str(schema["$ref"])), depth + 1)
        if values := schema.get("enum"):
            return _first(values)
        if alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self.of(_first(alternatives), depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: JsonObject, depth: int) -> object:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        kind = str(kind).lower()  # Gemini writes types in capitals
        if kind == "object":
            properties = schema.get("properties")
            parts = properties.items() if isinstance(properties, dict) else ()
            return {name: self.of(part, depth + 1) for name, part in parts}
        if kind == "array":
            return [self.of(schema.get("items"), depth + 1)]
        return _SCALARS.get(kind, _TEXT)

    def _definition(self, reference: str) -> object:
        found = self._root
        for name in reference.removeprefix("#/").split("/"):
            found = found.get(name) if isinstance(found, dict) else None
        return found


def _declarations(tools: object) -> list[JsonObject]:
    found: list[JsonObject] = []
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, dict):
            inner = tool.get("function", tool.get("functionDeclarations", tool.get("function_declarations", tool)))
            found += [part for part in (inner if isinstance(inner, list) else [inner]) if isinstance(part, dict)]
    return found


def _first(values: object) -> object:
    return values[0] if isinstance(values, list) and values else None
