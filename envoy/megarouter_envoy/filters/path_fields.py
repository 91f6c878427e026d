"""The fields of requests that REST paths bind, in every spelling that a query can give them."""

import itertools
import re
from collections.abc import Iterable, Iterator

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions

_VARIABLE = re.compile(r"\{([\w.]+)[=}]")


def path_fields(files: FileDescriptorSet, services: Iterable[str]) -> tuple[str, ...]:
    """Returns the fields, sorted: `api_key.name` and `apiKey.name`. The same protos give the same fields."""
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)  # imports come first, as protoc writes them
    methods = [method for service in services for method in pool.FindServiceByName(service).methods]
    spelled = {name for method in methods for field in _bound(method) for name in _spellings(method, field)}
    return tuple(sorted(spelled))


def _bound(method: MethodDescriptor) -> Iterator[str]:
    """Yields the fields in the REST paths of an RPC."""
    # Parsed again, because a separate pool does not know the extensions.
    rule = MethodOptions.FromString(method.GetOptions().SerializeToString()).Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        verb = binding.WhichOneof("pattern")
        if verb:
            yield from _VARIABLE.findall(getattr(binding, verb))


def _spellings(method: MethodDescriptor, field: str) -> Iterator[str]:
    """Yields a dotted field with the name of the proto or of JSON at each step."""
    kind: Descriptor | None = method.input_type
    steps = []
    for name in field.split("."):
        step = kind.fields_by_name.get(name) if kind else None
        if step is None:
            raise ValueError(f"{method.full_name}: the path binds {field}, which the request does not have")
        steps.append(sorted({step.name, step.json_name}))
        kind = step.message_type
    return (".".join(names) for names in itertools.product(*steps))
