"""Checks the bounds of a request that its proto states: required fields, `megarouter.type.v1.field_rules`, defined enum values.

The checks are compiled once, at the start. They skip output-only fields. In an update the resource may be partial, so the field
mask decides about its required fields.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from zoneinfo import available_timezones

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from megarouter.type.v1 import field_rules_pb2
from megarouter.type.v1.field_rules_pb2 import FieldRules

from admin_service.api.display_names import is_display_name
from admin_service.api.errors import FieldViolation
from gateway_core.model.ids import is_valid_id

RequestCheck = Callable[[Message], list[FieldViolation]]
_ValueCheck = Callable[[Any], str | None]
"""Takes a value and returns what is wrong with it, or None."""

DEFAULT_MAX_BYTES: Final = 1_024
DEFAULT_MAX_ITEMS: Final = 100
_MAX_NESTING: Final = 8
_MAX_EMAIL_BYTES: Final = 254

_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
_TEXT_RULES: Final = frozenset({"min_characters", "max_characters", "max_bytes", "pattern", "format"})
_NUMBER_RULES: Final = frozenset({"minimum", "maximum"})
_LIST_RULES: Final = frozenset({"max_items", "unique_items"})

_OF_SEVERAL_LINES: Final = frozenset({"filter"})
"""Texts whose own grammar says which characters they may contain. Every other text is one line that hides nothing."""
_OF_ROWS: Final = frozenset({"megarouter.admin.v1.MemberRow.email", "megarouter.admin.v1.MemberRow.group_path"})
"""Texts that the import of members checks, so that it can report every fault with its row."""

_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE
)
_EMAIL_LOCAL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_ETAG: Final = re.compile(r'"[0-9a-f]{16}"')


def compile_check(message: Descriptor) -> RequestCheck:
    """Returns the check of a request.

    Raises:
        ValueError: a rule does not fit the type of its field.
    """
    is_update = "update_mask" in message.fields_by_name
    checks = [_field_check(field, partial=is_update, nesting=0, top=True) for field in message.fields]

    def check(request: Message) -> list[FieldViolation]:
        return [violation for one in checks for violation in one(request, "")]

    return check


_FieldCheck = Callable[[Message, str], Iterable[FieldViolation]]


def _field_check(field: FieldDescriptor, *, partial: bool, nesting: int, top: bool = False) -> _FieldCheck:
    behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    if field_behavior_pb2.OUTPUT_ONLY in behaviors:
        return lambda _message, _prefix: ()
    required = field_behavior_pb2.REQUIRED in behaviors and (top or not partial)
    of_value = _value_check(field, partial=partial, nesting=nesting)
    of_list, most_items = _list_check(field), _rules(field).max_items or DEFAULT_MAX_ITEMS

    def check(message: Message, prefix: str) -> Iterable[FieldViolation]:
        path = prefix + field.name
        value = getattr(message, field.name)
        if field.is_repeated:
            if required and not value:
                yield FieldViolation(path, "is required")
            yield from (FieldViolation(path, problem) for problem in of_list(value))
            for index, item in enumerate(value[:most_items]):
                yield from of_value(item, f"{path}[{index}]")
        elif _is_set(message, field):
            yield from of_value(value, path)
        elif required:
            yield FieldViolation(path, "is required")

    return check


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    """Whether the field is set. A scalar without presence counts as unset while it has its default value (AIP-203)."""
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


def _list_check(field: FieldDescriptor) -> Callable[[Sequence[Any]], Iterable[str]]:
    rules = _rules(field)
    most = rules.max_items or DEFAULT_MAX_ITEMS

    def check(items: Sequence[Any]) -> Iterable[str]:
        if len(items) > most:
            yield f"must have at most {most} items"
        if rules.unique_items and len(set(items)) != len(items):
            yield "must not contain duplicates"

    return check


def _value_check(
    field: FieldDescriptor, *, partial: bool, nesting: int
) -> Callable[[Any, str], Iterable[FieldViolation]]:
    rules = _rules(field)
    if field.message_type is not None:
        return _message_check(field.message_type, partial=partial, nesting=nesting + 1)
    checks = tuple(_scalar_checks(field, rules))

    def check(value: Any, path: str) -> Iterable[FieldViolation]:  # noqa: ANN401 - of the field's type
        for one in checks:
            if problem := one(value):
                yield FieldViolation(path, problem)
                return

    return check


def _message_check(
    message: Descriptor, *, partial: bool, nesting: int
) -> Callable[[Any, str], Iterable[FieldViolation]]:
    if message.full_name.startswith("google.") or nesting > _MAX_NESTING:
        return lambda _value, _path: ()
    checks = [_field_check(field, partial=partial, nesting=nesting) for field in message.fields]
    return lambda value, path: (violation for one in checks for violation in one(value, f"{path}."))


def _scalar_checks(field: FieldDescriptor, rules: FieldRules) -> Iterable[_ValueCheck]:
    if field.enum_type is not None:
        defined = frozenset(field.enum_type.values_by_number)
        yield lambda value: None if value in defined else "must be a defined value"
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
        yield from _text_checks(rules)
        if not (rules.format or rules.pattern or field.name in _OF_SEVERAL_LINES or field.full_name in _OF_ROWS):
            yield _FORMATS[FieldRules.FORMAT_DISPLAY_NAME]
    elif field.cpp_type in _INTEGERS:
        yield from _number_checks(rules)


def _text_checks(rules: FieldRules) -> Iterable[_ValueCheck]:
    bounded = rules.max_characters or rules.max_bytes
    most_bytes = rules.max_bytes or (4 * rules.max_characters if bounded else DEFAULT_MAX_BYTES)
    yield lambda text: "must not contain the NUL character" if "\0" in text else None
    if rules.max_characters:
        most = rules.max_characters
        yield lambda text: f"must have at most {most} characters" if len(text) > most else None
    yield lambda text: f"must have at most {most_bytes} bytes" if len(text.encode()) > most_bytes else None
    if rules.min_characters:
        least = rules.min_characters
        yield lambda text: f"must have at least {least} characters" if len(text.strip()) < least else None
    if rules.pattern:
        pattern = re.compile(rules.pattern)
        yield lambda text: None if pattern.fullmatch(text) else f"must match {pattern.pattern}"
    if rules.format:
        yield _FORMATS[rules.format]


def _number_checks(rules: FieldRules) -> Iterable[_ValueCheck]:
    if rules.HasField("minimum"):
        least = rules.minimum
        yield lambda value: f"must be at least {least}" if value < least else None
    if rules.HasField("maximum"):
        most = rules.maximum
        yield lambda value: f"must be at most {most}" if value > most else None


def _rules(field: FieldDescriptor) -> FieldRules:
    rules: FieldRules = field.GetOptions().Extensions[field_rules_pb2.field_rules]
    given = {rule.name for rule, _ in rules.ListFields()}
    fitting: frozenset[str] = _LIST_RULES if field.is_repeated else frozenset()
    if field.type == FieldDescriptor.TYPE_STRING:
        fitting |= _TEXT_RULES
    elif field.cpp_type in _INTEGERS:
        fitting |= _NUMBER_RULES
    if given - fitting:
        raise ValueError(f"rules {sorted(given - fitting)} do not fit field {field.full_name}")
    return rules


def is_email(text: str) -> bool:
    """Returns whether the text is an e-mail address."""
    local, _, domain = text.rpartition("@")
    return (
        len(text.encode()) <= _MAX_EMAIL_BYTES
        and _EMAIL_LOCAL.fullmatch(local) is not None
        and _DOMAIN.fullmatch(domain) is not None
    )


def _is_address_block(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _must(is_right: Callable[[str], object], description: str) -> _ValueCheck:
    return lambda text: None if is_right(text) else f"must be {description}"


_FORMATS: Final[dict[int, _ValueCheck]] = {
    FieldRules.FORMAT_RESOURCE_ID: _must(
        is_valid_id, "an id: lower-case letters, digits and hyphens, at most 63, a letter first"
    ),
    FieldRules.FORMAT_UUID4: _must(_UUID4.fullmatch, "a UUID of version 4"),
    FieldRules.FORMAT_EMAIL: _must(is_email, "an e-mail address"),
    FieldRules.FORMAT_DOMAIN: _must(_DOMAIN.fullmatch, "a domain name, such as example.org"),
    FieldRules.FORMAT_TIME_ZONE: _must(
        lambda text: text in available_timezones(), "an IANA time zone, such as Europe/Berlin"
    ),
    FieldRules.FORMAT_ADDRESS_BLOCK: _must(_is_address_block, "an IP address or address block, such as 192.0.2.0/24"),
    FieldRules.FORMAT_DISPLAY_NAME: _must(
        is_display_name, "one line without markup, control characters, marks of direction or invisible characters"
    ),
    FieldRules.FORMAT_ETAG: _must(_ETAG.fullmatch, "an etag as the API returned it, quotes included"),
}
