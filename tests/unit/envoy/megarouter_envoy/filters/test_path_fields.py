"""Which fields the paths of REST bind, and that no RPC needs one of them in its query."""

from collections.abc import Iterator

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from megarouter_envoy.filters.admin_api import DESCRIPTOR_FILE
from megarouter_envoy.filters.path_fields import path_fields

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import declared_methods

REFUSED = path_fields(
    FileDescriptorSet.FromString(DESCRIPTOR_FILE.read_bytes()),
    [*(service.full_name for service in admin_services()), "megarouter.scim.v1.Scim"],
)


def test_both_spellings_of_each_field_are_found() -> None:
    assert {"name", "parent", "path", "api_key.name", "apiKey.name"} <= set(REFUSED)


def test_no_rpc_takes_such_a_field_from_its_query() -> None:
    assert {field for field in query_fields() if field in REFUSED} == set()


def query_fields() -> Iterator[str]:
    """Yields the fields that REST takes from the query: those that are in neither path nor body."""
    for service in admin_services():
        for method in declared_methods(service):
            rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
            for one in (rule, *rule.additional_bindings):
                path = getattr(one, one.WhichOneof("pattern"))
                for field in () if one.body == "*" else leaves(method.descriptor.input_type):
                    if f"{{{field}=" not in path and field.partition(".")[0] != one.body:
                        yield field


def leaves(message: Descriptor, depth: int = 0) -> Iterator[str]:
    """Yields the dotted paths of the scalar fields, at most four messages deep."""
    for field in message.fields:
        if field.message_type is None:
            yield field.name
        elif depth < 4:
            yield from (f"{field.name}.{inner}" for inner in leaves(field.message_type, depth + 1))
