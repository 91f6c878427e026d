"""Converts roles between messages and the code."""

from megarouter.type.v1 import role_pb2

from admin_service.access.permissions import Role

_PREFIX = "ROLE_"


def role_of(value: role_pb2.Role.ValueType) -> Role:
    """Returns the role that a message names.

    Raises:
        ValueError: the value names no role; validation refuses such a request first.
    """
    return Role(role_pb2.Role.Name(value).removeprefix(_PREFIX))


def role_value(role: Role) -> role_pb2.Role.ValueType:
    """Returns the proto value of the role."""
    return role_pb2.Role.Value(f"{_PREFIX}{role}")
