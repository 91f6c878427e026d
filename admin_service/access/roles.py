"""Roles as messages name them."""

from megarouter.type.v1 import role_pb2

from admin_service.access.permissions import Role

_PREFIX = "ROLE_"


def role_of(value: role_pb2.Role.ValueType) -> Role:
    """The role that a message names.

    Raises:
        ValueError: it names none; the bounds of requests refuse that.
    """
    return Role(role_pb2.Role.Name(value).removeprefix(_PREFIX))


def role_value(role: Role) -> role_pb2.Role.ValueType:
    """How a message names the role."""
    return role_pb2.Role.Value(f"{_PREFIX}{role}")
