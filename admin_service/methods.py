"""What the protos say of each RPC: the permission it needs, and the field that names what it is needed on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from megarouter.type.v1 import permission_pb2

from admin_service.resource_names import (
    API_KEYS,
    CREDIT_BALANCE,
    CREDIT_STATEMENT,
    CREDIT_TRANSACTIONS,
    ResourceName,
    parse_name,
)
from gateway_core.domain.permissions import Permission

_ENUM_PREFIX: Final = "PERMISSION_"
_COLLECTION_OF_TYPE: Final = {
    "megarouter/ApiKey": API_KEYS,
    "megarouter/CreditBalance": CREDIT_BALANCE,
    "megarouter/CreditStatement": CREDIT_STATEMENT,
    "megarouter/CreditTransaction": CREDIT_TRANSACTIONS,
}
_CHILDREN_OF_ORGANIZATION: Final = frozenset(_COLLECTION_OF_TYPE)


class MethodDeclarationError(Exception):
    """An RPC does not declare its permission, or declares what does not exist: the service must not start."""


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC with its declaration."""

    descriptor: MethodDescriptor
    permission: Permission
    resource_field: str
    collection: str | None
    """The collection of the resource the field names; None for the organization itself."""
    required_fields: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """`package.Service/Method`."""
        return f"{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    def named_resource(self, request: Message) -> ResourceName | None:
        """What the request is about; None when it names nothing, or a resource of another kind."""
        name = parse_name(str(getattr(request, self.resource_field)))
        return name if name and name.collection == self.collection else None

    def missing_fields(self, request: Message) -> Iterable[str]:
        """Required fields that are not set. A scalar with its default value is not set (AIP-203)."""
        present = {field.name for field, _ in request.ListFields()}
        return (name for name in self.required_fields if name not in present)


def declared_methods(service: ServiceDescriptor) -> tuple[Method, ...]:
    """Every RPC of a service.

    Raises:
        MethodDeclarationError: see there.
    """
    return tuple(_declared(descriptor) for descriptor in service.methods)


def _declared(descriptor: MethodDescriptor) -> Method:
    options = descriptor.GetOptions()
    if not options.HasExtension(permission_pb2.method_permission):
        raise MethodDeclarationError(f"{descriptor.full_name} declares no permission")
    declaration = options.Extensions[permission_pb2.method_permission]
    field = descriptor.input_type.fields_by_name.get(declaration.resource_field)
    if field is None:
        raise MethodDeclarationError(f"{descriptor.full_name}: the request has no field {declaration.resource_field!r}")
    return Method(
        descriptor,
        _permission(descriptor, declaration.permission),
        declaration.resource_field,
        _collection(descriptor, field),
        tuple(item.name for item in descriptor.input_type.fields if _is_required(item)),
    )


def _permission(descriptor: MethodDescriptor, value: int) -> Permission:
    names = permission_pb2.Permission.DESCRIPTOR.values_by_number
    name = names[value].name.removeprefix(_ENUM_PREFIX) if value in names else str(value)
    try:
        return Permission[name]
    except KeyError:
        raise MethodDeclarationError(f"{descriptor.full_name} declares permission {name}, which nobody holds") from None


def _collection(descriptor: MethodDescriptor, field: FieldDescriptor) -> str | None:
    reference = field.GetOptions().Extensions[resource_pb2.resource_reference]
    if reference.child_type in _CHILDREN_OF_ORGANIZATION:
        return None
    if reference.type in _COLLECTION_OF_TYPE:
        return _COLLECTION_OF_TYPE[reference.type]
    raise MethodDeclarationError(f"{descriptor.full_name}: field {field.name} refers to no known type of resource")


def _is_required(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
