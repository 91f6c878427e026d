"""Calls about responses that a provider stores: which one a path names, and what goes on to the provider."""

import enum
import re
from dataclasses import dataclass
from typing import Final


class StoredOperation(enum.StrEnum):
    """What a call does with a response that the provider stores. It costs nothing."""

    RETRIEVE = "retrieve"
    DELETE = "delete"
    CANCEL = "cancel"
    LIST_INPUT_ITEMS = "list_input_items"


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call about a stored response. It names no model."""

    operation: StoredOperation
    response_id: str


_STORED_RESPONSE: Final = re.compile(r"/v1/responses/(?!input_tokens\b)([A-Za-z0-9_-]{1,256})(/cancel|/input_items)?")
_STORED_OPERATIONS: Final = {
    ("GET", ""): StoredOperation.RETRIEVE,
    ("DELETE", ""): StoredOperation.DELETE,
    ("POST", "/cancel"): StoredOperation.CANCEL,
    ("GET", "/input_items"): StoredOperation.LIST_INPUT_ITEMS,
}
_STORED_SUFFIXES: Final = {operation: suffix for (_, suffix), operation in _STORED_OPERATIONS.items()}
_INCLUDED: Final = frozenset({"include", "include[]", "include%5B%5D"})
_STORED_QUERIES: Final = {
    StoredOperation.RETRIEVE: _INCLUDED,
    StoredOperation.LIST_INPUT_ITEMS: _INCLUDED | {"after", "before", "limit", "order"},
}
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")


def classify_stored(method: str, path: str) -> StoredCall | None:
    """Returns what a request asks about a stored response, or None if it asks something else."""
    match = _STORED_RESPONSE.fullmatch(path)
    operation = _STORED_OPERATIONS.get((method, match[2] or "")) if match else None
    return StoredCall(operation, match[1]) if match and operation else None


def stored_path(call: StoredCall, base_path: str, query: str) -> str:
    """Returns the path sent to the provider for a stored response, with the parts of the query that go on."""
    path = f"{base_path}/responses/{call.response_id}{_STORED_SUFFIXES[call.operation]}"
    names = _STORED_QUERIES.get(call.operation, frozenset())
    passed = [part for part in query.split("&") if _is_passed(part, names)]
    return f"{path}?{'&'.join(passed)}" if passed else path


def _is_passed(part: str, names: frozenset[str]) -> bool:
    name, _, value = part.partition("=")
    return name in names and _PLAIN_VALUE.fullmatch(value) is not None
