"""Paths of stored responses, and what of their queries goes on to the provider."""

import pytest

from gateway_core.model.endpoints import Dialect, classify
from gateway_core.model.stored_calls import StoredCall, StoredOperation, stored_path


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/v1/responses/resp_1", StoredOperation.RETRIEVE),
        ("DELETE", "/v1/responses/resp_1/", StoredOperation.DELETE),
        ("POST", "/v1/responses/resp_1/cancel", StoredOperation.CANCEL),
        ("GET", "/openai/v1/responses/resp_1/input_items", StoredOperation.LIST_INPUT_ITEMS),
        ("POST", "/v1/responses/resp_1", None),
        ("GET", "/v1/responses/resp_1/cancel", None),
        ("GET", "/v1/responses/resp%2F1", None),
        ("GET", "/v1/responses/..", None),
        ("HEAD", "/v1/responses/resp_1", None),
        ("GET", "/anthropic/v1/responses/resp_1", None),
        ("GET", f"/v1/responses/{'x' * 257}", None),
    ],
)
def test_a_path_of_a_stored_response_names_the_operation(
    method: str, path: str, operation: StoredOperation | None
) -> None:
    route = classify(method, path, Dialect.OPENAI)
    assert route == (StoredCall(operation, "resp_1") if operation else None)


@pytest.mark.parametrize(
    ("operation", "query", "path"),
    [
        (StoredOperation.RETRIEVE, "", "/b/responses/r"),
        (StoredOperation.RETRIEVE, "include%5B%5D=a.b&include=c&limit=3", "/b/responses/r?include%5B%5D=a.b&include=c"),
        (StoredOperation.DELETE, "include=c", "/b/responses/r"),
        (StoredOperation.LIST_INPUT_ITEMS, "limit=3&after=a%26b&order=x y", "/b/responses/r/input_items?limit=3"),
    ],
)  # fmt: skip
def test_only_listed_parts_of_a_query_go_on(operation: StoredOperation, query: str, path: str) -> None:
    assert stored_path(StoredCall(operation, "r"), "/b", query) == path
