"""How the checks and pages look at the protos: all files at once, and what an element declares by its options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from google.api import annotations_pb2, field_behavior_pb2, http_pb2, resource_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, MethodDescriptorProto

from tools.protos.descriptors import ProtoFile

STANDARD_VERBS: Final = ("Get", "List", "Create", "Update", "Delete")
READING_VERBS: Final = ("BatchGet", "Get", "List", "Search", "Explain", "Preview", "Export", "Check", "Query")
"""Methods that change nothing: repeating one is always safe."""


@dataclass(frozen=True)
class Api:
    """All files, since an RPC may speak of messages of another file."""

    files: Sequence[ProtoFile]

    @cached_property
    def messages(self) -> dict[str, DescriptorProto]:
        """By full name, with the dot in front that descriptors write."""
        return {f".{file.descriptor.package}.{name}": message for file in self.files for name, message in file.messages}

    @cached_property
    def accepted(self) -> frozenset[str]:
        """Full names of every message a caller can send: requests, and all they hold."""
        found: set[str] = set()
        waiting = [method.input_type for file in self.files for _, method in file.methods]
        while waiting:
            name = waiting.pop()
            if name in self.messages and name not in found:
                found.add(name)
                waiting += [field.type_name for field in self.messages[name].field if not only_output(field)]
        return frozenset(found)

    def resource(self, name: str) -> resource_pb2.ResourceDescriptor | None:
        """What a message declares as a resource; None when it is none."""
        message = self.messages.get(name)
        return resource_of(message) if message is not None else None


def behavior_of(field: FieldDescriptorProto) -> frozenset[int]:
    """The field's `google.api.field_behavior`."""
    return frozenset(field.options.Extensions[field_behavior_pb2.field_behavior])


def only_output(field: FieldDescriptorProto) -> bool:
    """Whether only the service sets it."""
    return field_behavior_pb2.OUTPUT_ONLY in behavior_of(field)


def resource_of(message: DescriptorProto) -> resource_pb2.ResourceDescriptor | None:
    """The message's `google.api.resource`; None when it is no resource."""
    declared = message.options.Extensions[resource_pb2.resource]
    return declared if declared.type else None


def verb_of(method: MethodDescriptorProto) -> str:
    """The standard verb a method's name begins with; empty for a custom method."""
    return next((verb for verb in STANDARD_VERBS if re.match(rf"{verb}[A-Z]", method.name)), "")


def changes_something(method: MethodDescriptorProto) -> bool:
    """Whether a repeated call could do harm."""
    return not method.name.startswith(READING_VERBS)


def http_of(method: MethodDescriptorProto) -> tuple[str, str, str]:
    """The method's REST form: HTTP verb, path and body; empty where it has none."""
    rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return verb, getattr(rule, verb) if verb else "", rule.body


def field_of(message: DescriptorProto, name: str) -> FieldDescriptorProto | None:
    """A field by its name."""
    return next((field for field in message.field if field.name == name), None)


def snake(name: str) -> str:
    """`apiKeys` -> `api_keys`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
