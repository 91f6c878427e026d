"""Reads and writes permissions as people write them, such as `usage:read`."""

from collections.abc import Iterable, Sequence
from typing import Final

from megarouter.type.v1.permission_pb2 import Permission

_PREFIX: Final = "PERMISSION_"
_LONG_ACTION: Final = "TOP_UP"


def permissions_of(texts: Iterable[str]) -> Sequence[Permission.ValueType]:
    """Returns the permissions with these names.

    Raises:
        ValueError: there is no such permission.
    """
    return [_permission(text) for text in texts]


def permission_label(permission: Permission.ValueType) -> str:
    """Returns the name of a permission."""
    name = Permission.Name(permission).removeprefix(_PREFIX)
    action = _LONG_ACTION if name.endswith(f"_{_LONG_ACTION}") else name.rpartition("_")[2]
    return f"{name.removesuffix(f'_{action}')}:{action}".lower()


def _permission(text: str) -> Permission.ValueType:
    found = {permission_label(value): value for value in Permission.values() if value}.get(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a permission: write one such as usage:read, as docs/reference/permissions.md lists"
        )
    return found
