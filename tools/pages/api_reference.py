"""Writes the API reference from the protos and their comments: services, RPCs, messages and enums."""

import re
from collections.abc import Iterator
from typing import Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from megarouter.type.v1 import field_rules_pb2, permission_pb2

from tools.protos.api import Api, behavior_of, http_of, resource_of
from tools.protos.descriptors import ProtoFile

INTRODUCTION: Final = """# API reference

Generated from the protos by `./dev protos --pages`; do not edit. [SDKs](../guides/sdks.md) explains how calls, errors, pages and
retries work.
"""
_PACKAGE: Final = ".megarouter.admin.v1."
_TYPE_PACKAGE: Final = ".megarouter.type.v1."


def reference(api: Api) -> str:
    """Returns the text of the page."""
    return "\n".join(_lines(api)).rstrip() + "\n"


def _lines(api: Api) -> Iterator[str]:
    yield INTRODUCTION
    services = [(file, service) for file in api.files for service in file.descriptor.service]
    yield "| service | |"
    yield "|---|---|"
    for file, service in services:
        yield f"| [{service.name}](#{service.name.lower()}) | {_first_sentence(file.comment(service.name))} |"
    yield "| [Errors](#errors) | Every `reason` of a failed call. |"
    for file, service in services:
        yield from _service(file, service)
    for file in api.files:
        if not file.descriptor.service and file.descriptor.package == _PACKAGE.strip("."):
            yield from _types(file)
    yield from _errors(api)


def _first_sentence(comment: str) -> str:
    return _flat(re.split(r"(?<=\.)\s", comment, maxsplit=1)[0])


def _flat(comment: str) -> str:
    return " ".join(comment.split()).replace("|", "\\|")


def _service(file: ProtoFile, service: ServiceDescriptorProto) -> Iterator[str]:
    yield f"\n## {service.name}\n\n{file.comment(service.name)}"
    for method in service.method:
        yield from _method(file, service, method)
    yield from _types(file)


def _method(file: ProtoFile, service: ServiceDescriptorProto, method: MethodDescriptorProto) -> Iterator[str]:
    yield f"\n### {service.name}.{method.name}\n\n{file.comment(f'{service.name}.{method.name}')}\n"
    verb, path, body = http_of(method)
    if verb:
        yield f"- REST: `{verb.upper()} {path}`{_body(body)}"
    declared = method.options.Extensions[permission_pb2.method_permission]
    permission = permission_pb2.Permission.Name(declared.permission).removeprefix("PERMISSION_")
    yield f"- Permission: `{permission}` on {f'`{declared.resource_field}`' if declared.resource_field else 'the caller'}"
    yield f"- {_link(method.input_type)} -> {_link(method.output_type)}"


def _body(body: str) -> str:
    if not body:
        return ", the other fields in the query"
    return ", the other fields as the body" if body == "*" else f", `{body}` as the body, the other fields in the query"


def _link(type_name: str) -> str:
    """Links a type of this API to its heading. Other types are only named."""
    if type_name.startswith(_PACKAGE):
        name = type_name.removeprefix(_PACKAGE)
        return f"[{name}](#{name.lower().replace('.', '')})"
    return f"`{type_name.removeprefix(_TYPE_PACKAGE).removeprefix('.')}`"


def _types(file: ProtoFile) -> Iterator[str]:
    for name, message in file.messages:
        yield from _message(file, name, message)
    for name, enum in file.enums:
        yield from _enum(file, name, enum)


def _message(file: ProtoFile, name: str, message: DescriptorProto) -> Iterator[str]:
    yield f"\n#### {name}\n\n{file.comment(name)}"
    resource = resource_of(message)
    if resource is not None:
        patterns = ", ".join(f"`{pattern}`" for pattern in resource.pattern)
        yield f"\nResource `{resource.type}`, named {patterns}."
    optional = {field.oneof_index for field in message.field if field.proto3_optional}
    for number, oneof in enumerate(message.oneof_decl):
        if number not in optional:
            yield f"\nAt most one of `{oneof.name}` is set. {_flat(file.comment(f'{name}.{oneof.name}'))}"
    if message.field:
        yield "\n| field | type | |\n|---|---|---|"
    for field in message.field:
        comment = _flat(file.comment(f"{name}.{field.name}"))
        notes = " ".join([*_notes(message, field), comment, *_bounds(field)])
        yield f"| `{field.name}` | {_type(message, field)} | {notes} |"


def _type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    entry = next(
        (each for each in message.nested_type if field.type_name.endswith(f".{message.name}.{each.name}")), None
    )
    if entry is not None and entry.options.map_entry:
        return f"map of {_single(entry.field[0])} to {_single(entry.field[1])}"
    return f"list of {_single(field)}" if field.label == FieldDescriptorProto.LABEL_REPEATED else _single(field)


def _single(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return _link(field.type_name)
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _notes(message: DescriptorProto, field: FieldDescriptorProto) -> Iterator[str]:
    for behavior in sorted(behavior_of(field)):
        if behavior != field_behavior_pb2.OPTIONAL:
            yield f"**{field_behavior_pb2.FieldBehavior.Name(behavior).lower().replace('_', ' ')}**"
    if field.HasField("oneof_index") and not field.proto3_optional:
        yield f"One of `{message.oneof_decl[field.oneof_index].name}`."


def _bounds(field: FieldDescriptorProto) -> Iterator[str]:
    """Yields the rules in the proto that the service enforces."""
    rules = field.options.Extensions[field_rules_pb2.field_rules]
    stated = [f"{bound.name} {_value(bound.name, value)}" for bound, value in rules.ListFields()]
    if stated:
        yield f"({'; '.join(stated)})"


def _value(name: str, value: object) -> str:
    if name == "format":
        number = int(str(value))
        return field_rules_pb2.FieldRules.Format.DESCRIPTOR.values_by_number[number].name.removeprefix("FORMAT_")
    return f"`{str(value).replace('|', chr(92) + '|')}`"


def _enum(file: ProtoFile, name: str, enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"\n#### {name}\n\n{file.comment(name)}\n\n| value | |\n|---|---|"
    for value in enum.value:
        yield f"| `{value.name}` | {_flat(file.comment(f'{name}.{value.name}'))} |"


def _errors(api: Api) -> Iterator[str]:
    file = next(file for file in api.files if file.name.endswith("type/v1/error_reason.proto"))
    ((name, enum),) = file.enums
    yield f"\n## Errors\n\n{file.comment(name)}\n\n| reason | |\n|---|---|"
    for value in enum.value[1:]:
        yield f"| `{value.name}` | {_flat(file.comment(f'{name}.{value.name}'))} |"
