"""Changes of a PATCH (RFC 7644, section 3.5.2), in the forms in which Entra and Okta send them. Pure.

A repeated PATCH gives the same resource: what is already there is not added again, and removing what is not there succeeds.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from admin_service.scim.attributes import Json, Kind, kept, kept_value, named
from admin_service.scim.errors import ScimError, invalid_value
from admin_service.scim.filters import Comparison, ValuePath, find, parse_path

MAX_OPERATIONS: Final = 100
_READ_ONLY: Final = frozenset({"id", "meta", "schemas", "groups"})


def operations_of(body: Mapping[str, Any]) -> Iterator[tuple[str, str | None, Any]]:
    """Yields operation, path and value of each operation in a body.

    Raises:
        ScimError: the body has no list of operations, or too many.
    """
    operations = find(body, "operations")
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise ScimError(400, "The body needs `Operations`, a list of objects.", "invalidSyntax")
    if len(operations) > MAX_OPERATIONS:
        raise ScimError(400, f"A PATCH has at most {MAX_OPERATIONS} operations.", "tooMany")
    for one in operations:
        name, path = find(one, "op"), find(one, "path")
        if not isinstance(name, str) or name.casefold() not in {"add", "remove", "replace"}:
            raise ScimError(400, "`op` must be add, remove or replace.", "invalidSyntax")
        if not (path is None or isinstance(path, str)):
            raise ScimError(400, "`path` must be a string.", "invalidPath")
        yield name.casefold(), path or None, find(one, "value")


def patched(resource: Mapping[str, Any], body: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Returns the kept attributes of a resource after all operations of a body.

    Raises:
        ScimError: an operation cannot be carried out.
    """
    result = copy.deepcopy(dict(resource))
    for operation, path, value in operations_of(body):
        if path is not None:
            _apply(result, operation, path, value, kinds)
        elif operation == "remove":
            raise ScimError(400, "`remove` needs a path.", "noTarget")
        elif not isinstance(value, dict):
            raise invalid_value("An operation without a path needs an object as `value`.")
        else:
            for name, one in value.items():
                if name.casefold() not in _READ_ONLY:
                    _apply(result, operation, name, one, kinds)
    return result


def _apply(result: dict[str, Any], operation: str, text: str, value: Json, kinds: Mapping[str, Kind]) -> None:
    path = parse_path(text)
    attribute = path.attribute if isinstance(path, ValuePath) else path
    low, _, part = attribute.partition(".")
    if low in _READ_ONLY:
        raise ScimError(400, f"{text[:100]} cannot be changed.", "mutability")
    name = named(kinds, low)
    if name is None:
        return  # not kept
    kind = kinds[name]
    if operation == "remove" and value in (None, "", []):
        value = None
    if isinstance(path, ValuePath):
        _in_elements(result, name, kind, operation, path, value)
    elif part:
        _in_part(result, name, kind, operation, part, value)
    elif operation == "remove":
        _remove(result, name, kind, value)
    elif value is None:
        result.pop(name, None)
    elif kind.is_multiple:
        _several(result, name, kind, operation, value)
    elif kind.type == "complex":
        result[name] = {**result.get(name, {}), **kept_value(name, value, kind)}
    else:
        result[name] = kept_value(name, value, kind)


def _remove(result: dict[str, Any], name: str, kind: Kind, value: Json) -> None:
    """Removes an attribute, or the elements that the operation lists, as Entra does for members."""
    if value is None or not kind.is_multiple:
        result.pop(name, None)
        return
    gone = {one.get("value") for one in kept_value(name, value, kind)}
    result[name] = [one for one in result.get(name, []) if one.get("value") not in gone]


def _several(result: dict[str, Any], name: str, kind: Kind, operation: str, value: Json) -> None:
    """Replaces all elements, or adds some. One that is there is not added again, but gets the parts that the new one has."""
    new = kept_value(name, value, kind)
    elements = [] if operation == "replace" else [dict(one) for one in result.get(name, [])]
    by_key = {_key(one): one for one in elements}
    for one in new:
        if _key(one) in by_key:
            by_key[_key(one)].update(one)
        else:
            elements.append(one)
            by_key[_key(one)] = one
    _one_primary(elements, [by_key[_key(one)] for one in new if one.get("primary")])
    result[name] = _checked_size(name, kind, elements)


def _key(element: Mapping[str, Any]) -> tuple[Any, Any]:
    return element.get("value"), element.get("type") if element.get("type") != "User" else None


def _checked_size(name: str, kind: Kind, values: list[Any]) -> list[Any]:
    if len(values) > kind.max_values:
        raise ScimError(400, f"{name} may have at most {kind.max_values:,} values.", "tooMany")
    return values


def _in_part(result: dict[str, Any], name: str, kind: Kind, operation: str, low: str, value: Json) -> None:
    """Changes `name.part`, in every element if there are several."""
    part = named(kind.parts, low)
    if part is None:
        return
    if kind.is_multiple:
        elements = result.get(name, [])
        for one in elements:
            _set_part(one, part, kind, operation, value)
        result[name] = [one for one in elements if one]
        return
    inner = dict(result.get(name, {}))
    _set_part(inner, part, kind, operation, value)
    result[name] = inner
    if not inner:
        del result[name]


def _set_part(element: dict[str, Any], part: str, kind: Kind, operation: str, value: Json) -> None:
    if operation == "remove" or value is None:
        element.pop(part, None)
    else:
        element[part] = kept_value(part, value, kind.parts[part])


def _in_elements(result: dict[str, Any], name: str, kind: Kind, operation: str, path: ValuePath, value: Json) -> None:
    """Changes the elements that a filter selects. Without one, it makes one that the filter describes, as Entra expects."""
    if not kind.is_multiple:
        raise ScimError(400, f"{name} has no elements to select.", "invalidPath")
    elements: list[dict[str, Any]] = [dict(one) for one in result.get(name, [])]
    chosen = [one for one in elements if path.condition(one)]
    part = named(kind.parts, path.part) if path.part else None
    if path.part and part is None:
        return
    if operation == "remove":
        for one in chosen:
            if part:
                one.pop(part, None)
            else:
                one.clear()
        result[name] = [one for one in elements if one]
        return
    if not chosen:
        made = _described(kind, path.condition)
        if made is None:
            raise ScimError(400, f"No element of {name} matches the filter.", "noTarget")
        elements.append(made)
        chosen = [made]
    change = _changer(name, part, kind, operation, value)
    for one in chosen:
        change(one)
    _one_primary(elements, chosen)
    result[name] = _checked_size(name, kind, elements)


def _changer(name: str, part: str | None, kind: Kind, operation: str, value: Json) -> Callable[[dict[str, Any]], None]:
    if part:
        return lambda one: _set_part(one, part, kind, operation, value)
    if not isinstance(value, dict):
        raise invalid_value(f"An element of {name} must be an object.")
    new = kept(value, kind.parts)
    return lambda one: one.update(new)


def _described(kind: Kind, condition: Callable[..., bool]) -> dict[str, Any] | None:
    """Returns the element that `part eq value` describes, or None if the filter says something else."""
    if not isinstance(condition, Comparison) or condition.operator != "eq":
        return None
    part = named(kind.parts, condition.attribute)
    return None if part is None else {part: kept_value(part, condition.value, kind.parts[part])}


def _one_primary(elements: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Keeps at most one primary element: the newest."""
    primary = next((one for one in reversed(new) if one.get("primary")), None)
    for one in elements:
        if primary is not None and one is not primary and one.get("primary"):
            one["primary"] = False
