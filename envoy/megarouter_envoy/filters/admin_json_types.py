"""What `admin_json.lua` needs to know of the admin API: the message that each call carries, and its fields."""

import re
from collections.abc import Iterable, Iterator

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions

# They have their own form in JSON. A timestamp, for example, is a string.
_WELL_KNOWN = "google.protobuf."
# A body of any content, which its service reads.
_RAW_BODY = "google.api.HttpBody"
_VARIABLE = re.compile(r"\{[^=}]+=([^}]+)\}|\{[^=}]+\}")
_VARIABLE_NAME = re.compile(r"\{([^=}]+)")
_MAGIC = re.compile(r"([\^$()%.\[\]*+\-?])")


def admin_json_types(files: FileDescriptorSet, services: Iterable[str]) -> str:
    """Returns a Lua table in the form that `admin_json.lua` describes. The same protos give the same table."""
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)  # imports come first, as protoc writes them
    methods = [method for service in services for method in pool.FindServiceByName(service).methods]
    routes = [entry for method in methods for entry in _routes(method)]
    kinds: dict[str, Descriptor] = {}
    for _, _, kind in routes:
        _collect(kind, kinds)
    lines = [
        "return { in_path = {",
        *(f'  ["{name}"] = true,' for name in sorted(_fields_in_paths(methods))),
        "}, routes = {",
        *(f'  {{ "{verb}", "{pattern}", "{kind.full_name}" }},' for verb, pattern, kind in routes),
        "}, types = {",
        *(f'  ["{name}"] = {{ {", ".join(_fields(kinds[name]))} }},' for name in sorted(kinds)),
        "} }",
    ]
    return "\n".join(lines) + "\n"


def _routes(method: MethodDescriptor) -> Iterator[tuple[str, str, Descriptor]]:
    """Yields HTTP method, path pattern and body type of each binding with a JSON body that the protos describe."""
    # Parsed again, because a separate pool does not know the extensions.
    options = MethodOptions.FromString(method.GetOptions().SerializeToString())
    rule = options.Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        if binding.body:
            verb = binding.WhichOneof("pattern")
            kind = _body_type(method, binding.body)
            if kind.full_name != _RAW_BODY:
                yield verb.upper(), _pattern(getattr(binding, verb)), kind


def _fields_in_paths(methods: Iterable[MethodDescriptor]) -> set[str]:
    """Returns every field that a path names, in each of its spellings. No query of any call needs them."""
    fields = set().union(*(_variables(method) for method in methods))
    return fields | {_camel(field) for field in fields}


def _variables(method: MethodDescriptor) -> set[str]:
    options = MethodOptions.FromString(method.GetOptions().SerializeToString())
    rule = options.Extensions[annotations_pb2.http]
    templates = [getattr(one, one.WhichOneof("pattern")) for one in (rule, *rule.additional_bindings)]
    return {name for template in templates for name in _VARIABLE_NAME.findall(template)}


def _camel(field: str) -> str:
    return re.sub(r"_(\w)", lambda letter: letter[1].upper(), field)


def _body_type(method: MethodDescriptor, body: str) -> Descriptor:
    if body == "*":
        return method.input_type
    kind = method.input_type.fields_by_name[body].message_type
    if kind is None:
        raise ValueError(f"{method.full_name}: the body {body} is not a message")
    return kind


def _pattern(template: str) -> str:
    """Converts a path template (`google.api.http`) into a Lua pattern."""
    plain = _VARIABLE.sub(lambda variable: variable[1] or "*", template)
    escaped = _MAGIC.sub(r"%\1", plain)
    return f"^{escaped.replace('%*', '[^/]+')}$"


def _collect(kind: Descriptor, into: dict[str, Descriptor]) -> None:
    if kind.full_name in into:
        return
    into[kind.full_name] = kind
    for field in kind.fields:
        inner = _message_of(field)
        if inner is not None:
            _collect(inner, into)


def _message_of(field: FieldDescriptor) -> Descriptor | None:
    """Returns the message type of a field, or of the values of a map; None if it is not a message or is well-known."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        kind = kind.fields_by_name["value"].message_type
    return None if kind is None or kind.full_name.startswith(_WELL_KNOWN) else kind


def _fields(kind: Descriptor) -> Iterator[str]:
    """Yields both names of every field, because both are valid in JSON."""
    for field in kind.fields:
        inner = _message_of(field)
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        parts = [f'"{field.name}"', f'"{inner.full_name}"' if inner else "nil", "true" if is_map else "nil"]
        for name in sorted({field.name, field.json_name}):
            yield f'["{name}"] = {{ {", ".join(parts)} }}'
