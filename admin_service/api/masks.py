"""Field masks: which fields an update changes (AIP-134, AIP-161)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from admin_service.api.errors import FieldViolation, invalid_fields

MAX_PATHS: Final = 50
_EVERYTHING: Final = "*"


def updated_fields(mask: FieldMask, resource: Message) -> frozenset[str]:
    """Returns the names of the fields that the update sets, including those it clears.

    Without a mask these are the fields that are set in the resource. With `*` they are all fields that can change. Output-only
    fields are ignored rather than refused, so a caller can send back a resource that was read.

    Raises:
        AdminError: a path names no field, or one that is fixed at creation; or the update clears a required field.
    """
    changeable = {field.name for field in resource.DESCRIPTOR.fields if _is_changeable(field)}
    paths = list(mask.paths)
    if len(paths) > MAX_PATHS:
        raise invalid_fields(FieldViolation("update_mask", f"must have at most {MAX_PATHS} paths"))
    if not paths:
        named = {field.name for field, _ in resource.ListFields()} & changeable
    elif paths == [_EVERYTHING]:
        named = changeable
    else:
        violations = list(_violations(paths, resource))
        if violations:
            raise invalid_fields(*violations)
        named = set(paths) & changeable
    _refuse_cleared(named, resource)
    return frozenset(named)


def apply_update(mask: FieldMask, asked: Message, stored: Message) -> None:
    """Changes `stored`, a message of the same type, into what the update leaves: the fields that `updated_fields` names.

    A named field that `asked` does not set is cleared. A message or a list replaces the stored one as a whole.

    Raises:
        AdminError: as `updated_fields` raises it.
    """
    named = updated_fields(mask, asked)
    for name in named:
        stored.ClearField(name)
    given = sorted(field.name for field, _ in asked.ListFields() if field.name in named)
    FieldMask(paths=given).MergeMessage(asked, stored)


def _violations(paths: Iterable[str], resource: Message) -> Iterator[FieldViolation]:
    fields = resource.DESCRIPTOR.fields_by_name
    for path in paths:
        field = fields.get(path)
        if field is None:
            yield FieldViolation("update_mask", f"names a field that the resource does not have: {path[:100]!r}")
        elif field_behavior_pb2.IMMUTABLE in _behaviors(field):
            yield FieldViolation("update_mask", f"names {path}, which cannot change after creation")


def _refuse_cleared(named: Iterable[str], resource: Message) -> None:
    present = {field.name for field, _ in resource.ListFields()}
    required = {field.name for field in resource.DESCRIPTOR.fields if field_behavior_pb2.REQUIRED in _behaviors(field)}
    cleared = sorted((set(named) & required) - present)
    if cleared:
        raise invalid_fields(*(FieldViolation(name, "is required") for name in cleared))


def _is_changeable(field: Any) -> bool:  # noqa: ANN401 - a descriptor, of either implementation
    fixed = {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER, field_behavior_pb2.IMMUTABLE}
    return field.name != "etag" and not fixed.intersection(_behaviors(field))


def _behaviors(field: Any) -> Iterable[int]:  # noqa: ANN401 - a descriptor, of either implementation
    behaviors: Iterable[int] = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return behaviors
