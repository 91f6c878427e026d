"""The protos as checks and pages see them: all files together, and the options of each element."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from google.api import annotations_pb2, field_behavior_pb2, http_pb2, resource_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, MethodDescriptorProto

from tools.protos.descriptors import ProtoFile

STANDARD_VERBS: Final = ("Get", "List", "Create", "Update", "Delete")
READING_VERBS: Final = (
    "BatchGet",
    "Get",
    "List",
    "Search",
    "Explain",
    "Verify",
    "Preview",
    "Simulate",
    "Export",
    "Check",
    "Query",
    "Download",
)
"""First words of methods that change nothing, so repeating a call is always safe."""


@dataclass(frozen=True)
class Api:
    """All proto files, because an RPC may use messages of another file."""

    files: Sequence[ProtoFile]

    @cached_property
    def messages(self) -> dict[str, DescriptorProto]:
        """Messages by full name, with the leading dot that descriptors use."""
        return {f".{file.descriptor.package}.{name}": message for file in self.files for name, message in file.messages}

    @cached_property
    def accepted(self) -> frozenset[str]:
        """Full names of all messages that a caller can send: requests and everything in them."""
        found: set[str] = set()
        waiting = [method.input_type for file in self.files for _, method in file.methods]
        while waiting:
            name = waiting.pop()
            if name in self.messages and name not in found:
                found.add(name)
                waiting += [field.type_name for field in self.messages[name].field if not only_output(field)]
        return frozenset(found)

    def resource(self, name: str) -> resource_pb2.ResourceDescriptor | None:
        """Returns the resource that a message declares, or None."""
        message = self.messages.get(name)
        return resource_of(message) if message is not None else None


def behavior_of(field: FieldDescriptorProto) -> frozenset[int]:
    """Returns the field's `google.api.field_behavior`."""
    return frozenset(field.options.Extensions[field_behavior_pb2.field_behavior])


def only_output(field: FieldDescriptorProto) -> bool:
    """Whether only the service sets it."""
    return field_behavior_pb2.OUTPUT_ONLY in behavior_of(field)


def resource_of(message: DescriptorProto) -> resource_pb2.ResourceDescriptor | None:
    """Returns the message's `google.api.resource`, or None if it is not a resource."""
    declared = message.options.Extensions[resource_pb2.resource]
    return declared if declared.type else None


def verb_of(method: MethodDescriptorProto) -> str:
    """Returns the standard verb that a method's name begins with; empty for a custom method."""
    return next((verb for verb in STANDARD_VERBS if re.match(rf"{verb}[A-Z]", method.name)), "")


def changes_something(method: MethodDescriptorProto) -> bool:
    """Whether repeating a call could do harm."""
    return not method.name.startswith(READING_VERBS)


def http_of(method: MethodDescriptorProto) -> tuple[str, str, str]:
    """Returns the method's REST form as HTTP verb, path and body. All are empty if it has none."""
    rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return verb, getattr(rule, verb) if verb else "", rule.body


def field_of(message: DescriptorProto, name: str) -> FieldDescriptorProto | None:
    """Returns a field by name, or None."""
    return next((field for field in message.field if field.name == name), None)


def snake(name: str) -> str:
    """Converts camel case to snake case: `apiKeys` becomes `api_keys`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
