"""The project's conventions for messages, fields, enums and files, beyond what `buf lint` checks. Each rule yields its breaches.

AIP-nnn are Google's API Improvement Proposals (https://google.aip.dev).
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from megarouter.type.v1 import field_rules_pb2

from tools.protos import method_conventions
from tools.protos.api import Api, behavior_of, only_output, resource_of, snake, verb_of
from tools.protos.descriptors import ProtoFile

Rule = Callable[[ProtoFile, Api], Iterator[str]]

_Field = FieldDescriptorProto
_UNSIGNED: Final = frozenset({_Field.TYPE_UINT32, _Field.TYPE_UINT64, _Field.TYPE_FIXED32, _Field.TYPE_FIXED64})
_FLOATING: Final = frozenset({_Field.TYPE_FLOAT, _Field.TYPE_DOUBLE})
_TIMESTAMP: Final = ".google.protobuf.Timestamp"
_DURATION: Final = ".google.protobuf.Duration"
_REQUIRED, _OPTIONAL = field_behavior_pb2.REQUIRED, field_behavior_pb2.OPTIONAL
_COMMON_IMPORTS: Final = re.compile(
    r"megarouter/.*|google/(protobuf/.*|api/(annotations|client|field_behavior|resource)\.proto|type/money\.proto)"
)
_SAYS_ENOUGH: Final = frozenset({_REQUIRED, _OPTIONAL, field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})


def every_element_has_a_comment_and_none_trails(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-192: every element has a leading comment and no trailing one."""
    for item in file.items:
        if not item.comment:
            yield f"{item.name} has no comment"
        elif not item.comment.rstrip("`)").endswith((".", ":", "!", "?")):
            yield f"{item.name}: the comment is not a sentence"
        if item.trailing_comment:
            yield f"{item.name} has a trailing comment"


def the_package_is_the_folder(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-191: proto3; the package matches the folder; file names are in snake_case and are not versions."""
    folder, _slash, name = file.name.rpartition("/")
    if file.descriptor.package != folder.replace("/", "."):
        yield f"package {file.descriptor.package} in folder {folder}"
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*\.proto", name):
        yield f"file name {name}"
    if file.descriptor.syntax != "proto3":
        yield "not proto3"


def imports_exist_in_every_language(file: ProtoFile, _: Api) -> Iterator[str]:
    """Only the project's own protos, and those of Google that even old packages of its common protos have.

    `google.type.Interval`, for example, is missing from the Java package of some distributions: use `TimeRange`.
    """
    for name in file.descriptor.dependency:
        if not _COMMON_IMPORTS.fullmatch(name):
            yield f"{name} is not in every language's package of common protos"


def numbers_are_signed_and_whole(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-141. Floating-point numbers are not allowed, because they would be used for money."""
    for name, message in file.messages:
        for field in message.field:
            if field.type in _UNSIGNED:
                yield f"{name}.{field.name} is unsigned"
            if field.type in _FLOATING:
                yield f"{name}.{field.name} is a floating-point number"


def quantities_carry_their_unit(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-141: amounts are in nano-credits, and their names say so."""
    for name, message in file.messages:
        for field in message.field:
            is_money = re.search(r"(^|_)(amount|balance|budget|cost|spend|price)(_|$)", field.name)
            if is_money and field.type in {_Field.TYPE_INT32, _Field.TYPE_INT64} and "_nano_credits" not in field.name:
                yield f"{name}.{field.name} has no unit"


def times_and_durations_are_named_so(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-142: `_time` for a time, `_duration` (or `ttl`) for a duration, each with its well-known type."""
    for name, message in file.messages:
        for field in message.field:
            is_moment = field.name.endswith("_time")
            if is_moment != (field.type_name == _TIMESTAMP):
                yield f"{name}.{field.name}: `_time` and Timestamp belong together"
            is_length = field.name.endswith("_duration") or field.name == "ttl"
            if is_length != (field.type_name == _DURATION):
                yield f"{name}.{field.name}: `_duration` and Duration belong together"


def what_a_caller_sends_says_whether_it_is_required(file: ProtoFile, api: Api) -> Iterator[str]:
    """AIP-203: every field in a request declares its behavior."""
    requests = {method.input_type for each in api.files for _, method in each.methods}
    for name, message in file.messages:
        full = f".{file.descriptor.package}.{name}"
        if full not in api.accepted or message.options.map_entry:
            continue
        for field in message.field:
            behavior = behavior_of(field)
            needed = {_REQUIRED, _OPTIONAL} if full in requests else _SAYS_ENOUGH
            immutable_alone = full not in requests and behavior == {field_behavior_pb2.IMMUTABLE}
            if len(behavior & needed) != 1 and not immutable_alone:
                yield f"{name}.{field.name} must declare exactly once whether it is required"


def names_for_people_stay_in_their_line(file: ProtoFile, api: Api) -> Iterator[str]:
    """A name that a caller sets has the format that refuses line breaks and marks of direction."""
    for name, message in file.messages:
        if f".{file.descriptor.package}.{name}" not in api.accepted:
            continue
        for field in message.field:
            rules = field.options.Extensions[field_rules_pb2.field_rules]
            is_set_by_caller = field.name == "display_name" and not only_output(field)
            if is_set_by_caller and rules.format != field_rules_pb2.FieldRules.FORMAT_DISPLAY_NAME:
                yield f"{name}.{field.name} does not have FORMAT_DISPLAY_NAME"


def the_zero_of_an_enum_means_nothing(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-126: zero is `UNSPECIFIED`."""
    for name, enum in file.enums:
        if enum.value[0].number != 0 or enum.value[0].name != f"{snake(name.rpartition('.')[2]).upper()}_UNSPECIFIED":
            yield f"{name} begins with {enum.value[0].name}"


def a_resource_declares_its_names(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-122, 123, 203: a resource declares type, pattern, singular and plural; `name` is its first field and its IDENTIFIER."""
    for name, message in file.messages:
        resource = resource_of(message)
        if resource is None:
            continue
        if resource.type != f"megarouter/{name}":
            yield f"{name} has type {resource.type}"
        if not resource.pattern or not resource.singular or not resource.plural:
            yield f"{name} lacks a pattern, a singular or a plural"
        first = message.field[0]
        if (first.name, first.number, first.type) != ("name", 1, _Field.TYPE_STRING):
            yield f"{name} does not begin with `name`"
        elif behavior_of(first) != {field_behavior_pb2.IDENTIFIER}:
            yield f"{name}.name is not its IDENTIFIER"


def states_change_by_methods_only(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-216, 148, 154: fields that the service sets are OUTPUT_ONLY, and the etag of a resource is a string."""
    for name, message in file.messages:
        if resource_of(message) is None:
            continue
        for field in message.field:
            is_set_by_us = field.name in {"state", "create_time", "update_time", "delete_time", "purge_time"}
            if is_set_by_us and not only_output(field):
                yield f"{name}.{field.name} is not OUTPUT_ONLY"
            if field.name == "etag" and field.type != _Field.TYPE_STRING:
                yield f"{name}.etag is not a string"


def secrets_never_come_back(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-147: a resource shows no secret. Only the response of the method that creates it may, once."""
    for name, message in file.messages:
        if resource_of(message) is None:
            continue
        for field in message.field:
            refers = field.options.HasExtension(resource_pb2.resource_reference)
            is_named_so = re.search(r"^(?!obfuscated_)(.*_)?(secret|token|password|credential)$", field.name)
            is_secret = is_named_so and field.type == _Field.TYPE_STRING and not refers
            if is_secret and field_behavior_pb2.INPUT_ONLY not in behavior_of(field):
                yield f"{name}.{field.name} is not INPUT_ONLY"


def references_say_to_what(file: ProtoFile, api: Api) -> Iterator[str]:
    """AIP-122: references are full names with a `resource_reference`. Bare ids are allowed only as in AIP-133 and 155."""
    singulars = {
        snake(resource.singular) for message in api.messages.values() if (resource := resource_of(message)) is not None
    }
    for name, message in file.messages:
        full = f".{file.descriptor.package}.{name}"
        for field in message.field:
            if field.type != _Field.TYPE_STRING:
                continue
            refers = field.options.HasExtension(resource_pb2.resource_reference)
            named = field.name in singulars or (full in api.accepted and field.name == "parent")
            if named and not refers:
                yield f"{name}.{field.name} has no resource_reference"
            own_id = name.startswith("Create") and field.name == f"{snake(name[6:].removesuffix('Request'))}_id"
            is_bare = field.name.endswith("_id") and field.name.removesuffix("_id") in singulars and not own_id
            if is_bare and full in api.accepted:
                yield f"{name}.{field.name} is a bare id"


def fields_stand_in_the_order_of_their_numbers(file: ProtoFile, _: Api) -> Iterator[str]:
    """The field that names the target comes first. Numbers rise, and gaps are reserved."""
    for name, message in file.messages:
        numbers = [field.number for field in message.field]
        reserved = {number for span in message.reserved_range for number in range(span.start, span.end)}
        if numbers != sorted(numbers):
            yield f"{name}: the fields are not in the order of their numbers"
        if numbers and set(range(1, max(numbers) + 1)) - set(numbers) - reserved:
            yield f"{name}: a number is neither used nor reserved"
        if reserved and len(message.reserved_name) < len(reserved):
            yield f"{name}: a number is reserved without its name"
        for field in message.field:
            if field.name in {"name", "parent"} and field.number != 1 and name.endswith("Request"):
                yield f"{name}.{field.name} is not the first field"


def a_file_reads_from_service_to_messages(file: ProtoFile, _: Api) -> Iterator[str]:
    """AIP-191: one service with standard methods before custom ones; then resources; then requests, each before its response."""
    if not file.descriptor.service:
        return
    if len(file.descriptor.service) > 1:
        yield "more than one service"
    lines = {item.name: item.line for item in file.items}
    (service, *_more) = file.descriptor.service
    if lines[service.name] > min(lines[message.name] for message in file.descriptor.message_type):
        yield "a message comes before the service"
    custom = [not verb_of(method) for method in service.method]
    if custom != sorted(custom):
        yield "a custom method comes before a standard one"
    outer = [message.name for message in file.descriptor.message_type]
    requests = [method.input_type.rpartition(".")[2] for method in service.method]
    places = [outer.index(request) for request in requests if request in outer]
    if places != sorted(places):
        yield "the requests are not in the order of the RPCs"
    for message in file.descriptor.message_type:
        if resource_of(message) is not None and places and outer.index(message.name) > min(places):
            yield f"{message.name} comes after a request"
    for method in service.method:
        response = f"{method.name}Response"
        if response in outer and outer[outer.index(response) - 1] != f"{method.name}Request":
            yield f"{response} does not follow its request"


RULES: Final[tuple[Rule, ...]] = (
    every_element_has_a_comment_and_none_trails,
    the_package_is_the_folder,
    imports_exist_in_every_language,
    numbers_are_signed_and_whole,
    quantities_carry_their_unit,
    times_and_durations_are_named_so,
    what_a_caller_sends_says_whether_it_is_required,
    names_for_people_stay_in_their_line,
    the_zero_of_an_enum_means_nothing,
    a_resource_declares_its_names,
    states_change_by_methods_only,
    secrets_never_come_back,
    references_say_to_what,
    method_conventions.every_rpc_has_a_rest_form,
    method_conventions.requests_and_responses_have_their_standard_shapes,
    method_conventions.changes_can_be_repeated,
    fields_stand_in_the_order_of_their_numbers,
    a_file_reads_from_service_to_messages,
)
