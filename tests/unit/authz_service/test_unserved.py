"""The message for a path that is not served."""

import pytest

from authz_service.unserved import explain_unserved


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("POST", "/v1/batches", "ends after the call"),
        ("POST", "/v1/messages/batches", "ends after the call"),
        ("POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent", "ends after the call"),
        ("POST", "/v1/conversations", "all organizations share"),
        ("GET", "/v1/conversations/conv_1", "all organizations share"),
        ("POST", "/v1/assistants", "all organizations share"),
        ("GET", "/openai/v1/files", "files of all organizations"),
        ("POST", "/upload/v1beta/files", "in one request"),
        ("POST", "/v1/uploads", "in one request"),
        ("GET", "/v1/realtime", "WebSocket"),
        ("POST", "/v1/images/variations", "shut down"),
        ("POST", "/v1/audio/voices", "all organizations share"),
    ],
)
def test_a_known_operation_says_why(method: str, path: str, why: str) -> None:
    message = explain_unserved(method, path)
    assert message.startswith(f"{method} {path} is not a supported endpoint, because ")
    assert why in message


def test_any_other_path_is_named() -> None:
    see = "See the documentation for the list of endpoints."
    assert explain_unserved("GET", "/wp-admin") == f"GET /wp-admin is not a supported endpoint. {see}"


def test_a_long_path_is_cut() -> None:
    assert len(explain_unserved("GET", "/" + "a" * 5_000)) < 300
