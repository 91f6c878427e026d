"""The attributes that SCIM keeps, read from JSON and selected for an answer. Pure.

Names of attributes match in any case (RFC 7643, section 2.1). Attributes that are not kept are ignored, because directories send
more than a service needs.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from admin_service.api.display_names import is_display_name
from admin_service.scim.errors import ScimError, invalid_value

Json: TypeAlias = Any
"""A value of JSON."""

USER_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_TEXT: Final = 500
MAX_VALUES: Final = 20
MAX_MEMBERS: Final = 5_000
_ALWAYS: Final = frozenset({"id", "schemas"})


@dataclass(frozen=True, slots=True)
class Kind:
    """An attribute: `str`, `bool` or `complex`, with its sub-attributes."""

    type: str = "str"
    parts: Mapping[str, "Kind"] = field(default_factory=dict)
    is_multiple: bool = False
    max_values: int = MAX_VALUES


_TEXT: Final = Kind()
_FLAG: Final = Kind("bool")
_NAME_PARTS: Final = (
    "formatted",
    "familyName",
    "givenName",
    "middleName",
    "honorificPrefix",
    "honorificSuffix",
)
USER: Final[Mapping[str, Kind]] = {
    "userName": _TEXT,
    "externalId": _TEXT,
    "displayName": _TEXT,
    "active": _FLAG,
    "name": Kind("complex", dict.fromkeys(_NAME_PARTS, _TEXT)),
    "emails": Kind("complex", {"value": _TEXT, "type": _TEXT, "primary": _FLAG}, is_multiple=True),
}
GROUP: Final[Mapping[str, Kind]] = {
    "displayName": _TEXT,
    "externalId": _TEXT,
    "members": Kind(
        "complex", {"value": _TEXT, "type": _TEXT, "$ref": _TEXT}, is_multiple=True, max_values=MAX_MEMBERS
    ),
}


def read_json(data: bytes) -> dict[str, Any]:
    """Returns the object in a body.

    Raises:
        ScimError: it is too large, or not a JSON object.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ScimError(400, f"The body is larger than {MAX_BODY_BYTES:,} bytes. Send less in one request.", "tooMany")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ScimError(400, "The body is not valid JSON.", "invalidSyntax") from error
    if not isinstance(value, dict):
        raise ScimError(400, "The body must be a JSON object.", "invalidSyntax")
    return value


def named(kinds: Iterable[str], name: str) -> str | None:
    """Returns the attribute with this name in any case, or None."""
    wanted = name.casefold()
    return next((kind for kind in kinds if kind.casefold() == wanted), None)


def kept(raw: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Returns the attributes of an object that are kept, with their own names. Null and empty values count as absent.

    Raises:
        ScimError: a value does not fit its attribute.
    """
    found: dict[str, Any] = {}
    for key, value in raw.items():
        name = named(kinds, key.rpartition(":")[2] if key.casefold().startswith("urn:") else key)
        if name is None or value is None:
            continue
        if name in found:
            raise ScimError(400, f"The attribute {name} occurs twice.", "invalidSyntax")
        read = kept_value(name, value, kinds[name])
        if read not in ({}, [], ""):
            found[name] = read
    return found


def kept_value(name: str, value: Json, kind: Kind) -> Json:
    """Returns the value of an attribute.

    Raises:
        ScimError: it does not fit.
    """
    if kind.is_multiple:
        values = value if isinstance(value, list) else [value]
        if len(values) > kind.max_values:
            raise ScimError(400, f"{name} may have at most {kind.max_values:,} values.", "tooMany")
        return [one for one in (_single(name, each, kind) for each in values) if one]
    return _single(name, value, kind)


def _single(name: str, value: Json, kind: Kind) -> Json:
    if kind.type == "complex":
        value = {"value": value} if isinstance(value, str) and "value" in kind.parts else value
        if not isinstance(value, dict):
            raise invalid_value(f"{name} must be an object.")
        return kept(value, kind.parts)
    if kind.type == "bool":
        return _flag(name, value)
    if not isinstance(value, str):
        raise invalid_value(f"{name} must be a string.")
    if len(value) > MAX_TEXT or not is_display_name(value):
        raise invalid_value(f"{name} must have at most {MAX_TEXT} characters, and no control characters.")
    return value


def _flag(name: str, value: Json) -> bool:
    """Returns a boolean. Some directories send it as a string."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in {"true", "false"}:
        return value.casefold() == "true"
    raise invalid_value(f"{name} must be true or false.")


def selected(resource: Mapping[str, Any], attributes: str, excluded: str) -> dict[str, Any]:
    """Returns the resource with the attributes that the request asks for."""
    if attributes:
        return _with(resource, _paths(attributes))
    return _without(resource, _paths(excluded)) if excluded else dict(resource)


def _paths(text: str) -> set[str]:
    """Returns the paths in a list, in lower case and without the schema."""
    parts = (part.strip() for part in text[:2_000].split(","))
    return {
        (part.rpartition(":")[2] if part.casefold().startswith("urn:") else part).casefold() for part in parts if part
    }


def _with(resource: Mapping[str, Any], paths: set[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for name, value in resource.items():
        if name in _ALWAYS or name.casefold() in paths:
            answer[name] = value
        elif parts := _parts(name, paths):
            answer[name] = _reduced(value, parts, is_kept=True)
    return answer


def _without(resource: Mapping[str, Any], paths: set[str]) -> dict[str, Any]:
    return {
        name: _reduced(value, _parts(name, paths), is_kept=False)
        for name, value in resource.items()
        if name in _ALWAYS or name.casefold() not in paths
    }


def _parts(name: str, paths: set[str]) -> set[str]:
    """Returns the parts of an attribute that the paths name, in lower case."""
    start = f"{name.casefold()}."
    return {path.removeprefix(start) for path in paths if path.startswith(start)}


def _reduced(value: Json, parts: set[str], *, is_kept: bool) -> Json:
    """Returns the value with only these parts, or without them."""
    if isinstance(value, list):
        return [_reduced(one, parts, is_kept=is_kept) for one in value]
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if (name.casefold() in parts) is is_kept}
    return value
