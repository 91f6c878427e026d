"""Calls about files: which paths they have in each API."""

import pytest

from gateway_core.model.endpoints import Dialect, Endpoint, FileCall, FileUpload, classify
from gateway_core.model.file_calls import FileOperation, file_path


@pytest.mark.parametrize(
    ("path", "client", "endpoint"),
    [
        ("/v1/files", Dialect.OPENAI, Endpoint.OPENAI_FILES),
        ("/v1/files/", Dialect.OPENAI, Endpoint.OPENAI_FILES),
        ("/v1/files", Dialect.ANTHROPIC, Endpoint.ANTHROPIC_FILES),
        ("/anthropic/v1/files", Dialect.OPENAI, Endpoint.ANTHROPIC_FILES),
        ("/openai/v1/files", Dialect.ANTHROPIC, Endpoint.OPENAI_FILES),
        ("/v1/files", Dialect.GEMINI, None),
    ],
)
def test_the_caller_s_dialect_decides_who_takes_a_file(path: str, client: Dialect, endpoint: Endpoint | None) -> None:
    assert classify("POST", path, client) == (FileUpload(endpoint) if endpoint else None)


@pytest.mark.parametrize(
    ("method", "path", "client", "expected"),
    [
        ("GET", "/v1/files/file-1", Dialect.OPENAI, FileCall(FileOperation.RETRIEVE, "file-1", Dialect.OPENAI)),
        ("GET", "/v1/files/f_1", Dialect.ANTHROPIC, FileCall(FileOperation.RETRIEVE, "f_1", Dialect.ANTHROPIC)),
        ("DELETE", "/openai/v1/files/f", Dialect.ANTHROPIC, FileCall(FileOperation.DELETE, "f", Dialect.OPENAI)),
        ("GET", "/v1/files/f/content", Dialect.OPENAI, FileCall(FileOperation.DOWNLOAD, "f", Dialect.OPENAI)),
        ("DELETE", "/v1beta/files/f", Dialect.OPENAI, FileCall(FileOperation.DELETE, "files/f", Dialect.GEMINI)),
        ("GET", "/v1beta/files/f/content", Dialect.GEMINI, None),
        ("GET", "/v1/files/f", Dialect.GEMINI, None),
        ("GET", "/v1/files", Dialect.OPENAI, None),
        ("GET", "/v1/files/..", Dialect.OPENAI, None),
        ("GET", "/v1/files/a%2Fb", Dialect.OPENAI, None),
        ("PUT", "/v1/files/f", Dialect.OPENAI, None),
        ("GET", f"/v1/files/{'f' * 257}", Dialect.OPENAI, None),
    ],
)
def test_a_path_names_one_file(method: str, path: str, client: Dialect, expected: FileCall | None) -> None:
    assert classify(method, path, client) == expected


@pytest.mark.parametrize(
    ("operation", "file_id", "query", "path"),
    [
        (FileOperation.RETRIEVE, "file-1", "", "/base/files/file-1"),
        (FileOperation.DOWNLOAD, "f", "beta=true", "/base/files/f/content?beta=true"),
        (FileOperation.DELETE, "files/f", "", "/base/files/f"),
    ],
)
def test_the_path_at_the_provider(operation: FileOperation, file_id: str, query: str, path: str) -> None:
    assert file_path(operation, file_id, "/base", query) == path
