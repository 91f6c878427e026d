"""The service refuses to start if an RPC lacks a valid declaration of its permission."""

from typing import Any, ClassVar

import pytest
from google.api import resource_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from megarouter.admin.v1 import api_key_pb2, credit_pb2
from megarouter.type.v1 import permission_pb2

from admin_service.access.permissions import Permission
from admin_service.access.rpc_declarations import MethodDeclarationError, declared_methods
from admin_service.serving.guard import Guard
from admin_service.serving.questions import Questions
from gateway_core.runtime.telemetry.tracing import Tracing

READ = permission_pb2.PERMISSION_API_KEYS_READ


def service_with(
    declaration: permission_pb2.MethodPermission | None, resource_type: str = "megarouter/ApiKey"
) -> ServiceDescriptor:
    """Returns a service with one RPC, whose request has the field `name`."""
    file = descriptor_pb2.FileDescriptorProto(name="test/thing.proto", package="test", syntax="proto3")
    message = file.message_type.add(name="GetThingRequest")
    field = message.field.add(name="name", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1)
    field.options.Extensions[resource_pb2.resource_reference].type = resource_type
    method = file.service.add(name="Things").method.add(
        name="GetThing", input_type=".test.GetThingRequest", output_type=".test.GetThingRequest"
    )
    if declaration is not None:
        method.options.Extensions[permission_pb2.method_permission].CopyFrom(declaration)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("test.Things")


def test_a_valid_declaration_is_read() -> None:
    (method,) = declared_methods(service_with(permission_pb2.MethodPermission(permission=READ, resource_field="name")))
    assert (method.permission, method.resource_field, method.collections) == (
        Permission.API_KEYS_READ,
        "name",
        frozenset({"apiKeys"}),
    )


@pytest.mark.parametrize(
    "declaration",
    [
        None,
        permission_pb2.MethodPermission(resource_field="name"),
        permission_pb2.MethodPermission(permission=READ),
        permission_pb2.MethodPermission(permission=READ, resource_field="parent"),
    ],
)
def test_a_missing_or_invalid_declaration_stops_the_start(declaration: permission_pb2.MethodPermission | None) -> None:
    with pytest.raises(MethodDeclarationError):
        declared_methods(service_with(declaration))


def test_a_reference_to_an_unknown_type_stops_the_start() -> None:
    declaration = permission_pb2.MethodPermission(permission=READ, resource_field="name")
    with pytest.raises(MethodDeclarationError):
        declared_methods(service_with(declaration, "megarouter/Planet"))


def test_an_rpc_without_a_handler_stops_the_start() -> None:
    class Unfinished:
        service = api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"]
        handlers: ClassVar[dict[str, object]] = {}
        changes: ClassVar[dict[str, object]] = {}
        rules: ClassVar[dict[str, object]] = {}

    unused: Any = None
    guard = Guard(unused, unused, unused, Tracing("test", None), str, Questions(1), offers_personal_accounts=True)
    incomplete: Any = Unfinished()
    with pytest.raises(MethodDeclarationError, match="GetApiKey"):
        guard.generic_handler(incomplete)


def test_the_protos_and_the_rule_have_the_same_permissions() -> None:
    declared = {name.removeprefix("PERMISSION_") for name in permission_pb2.Permission.keys()}  # noqa: SIM118 - not a mapping
    assert declared - {"UNSPECIFIED"} == {permission.name for permission in Permission}


@pytest.mark.parametrize(
    "service", [api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"], credit_pb2.DESCRIPTOR.services_by_name["Credits"]]
)
def test_every_rpc_of_the_admin_api_is_declared(service: ServiceDescriptor) -> None:
    assert len(declared_methods(service)) == len(service.methods)


def test_a_name_of_any_type_can_be_restricted_to_some_types() -> None:
    declaration = permission_pb2.MethodPermission(
        permission=READ, resource_field="name", resource_types=["megarouter/ApiKey", "megarouter/Member"]
    )
    (method,) = declared_methods(service_with(declaration, "*"))
    assert method.collections == {"apiKeys", "members"}


@pytest.mark.parametrize(
    ("resource_type", "only"), [("*", "megarouter/Color"), ("megarouter/ApiKey", "megarouter/ApiKey")]
)
def test_an_invalid_restriction_of_types_stops_the_start(resource_type: str, only: str) -> None:
    declaration = permission_pb2.MethodPermission(permission=READ, resource_field="name", resource_types=[only])
    with pytest.raises(MethodDeclarationError):
        declared_methods(service_with(declaration, resource_type))
