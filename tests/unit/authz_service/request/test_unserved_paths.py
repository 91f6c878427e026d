"""What the gateway says of paths that it does not serve."""

import pytest

from authz_service.request.unserved_paths import why_unserved


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/v1/batches", "A batch"),
        ("/v1/batches/batch_1/cancel", "A batch"),
        ("/v1/messages/batches", "A batch"),
        ("/v1beta/models/gemini-2.5-flash:batchGenerateContent", "A batch"),
        ("/v1/conversations/conv_1/items", "A conversation"),
        ("/v1/files", "A file"),
        ("/v1/files/file-1/content", "A file"),
        ("/upload/v1beta/files", "A file"),
        ("/v1/vector_stores/vs_1", "A vector store"),
        ("/v1/containers", "A container"),
        ("/v1beta/cachedContents", "A cached content"),
        ("/v1/threads/thread_1/runs", "An assistant"),
        ("/v1/realtime", "A realtime session"),
    ],
)
def test_a_known_path_says_why_it_is_not_served(path: str, what: str) -> None:
    assert why_unserved(path).startswith(f"{what} is not served, because ")


@pytest.mark.parametrize("path", ["/", "/v1/unknown", "/v1/filesystem", "/v1/responses/resp_1/unknown"])
def test_an_unknown_path_refers_to_the_documentation(path: str) -> None:
    assert why_unserved(path) == "See the documentation for the list of endpoints."
