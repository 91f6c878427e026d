"""Control headers: their effect on the wire, and their record in the tally."""

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from mock_provider.controls import HEADERS, ControlError, read_controls
from tests.support.servers.mock_process import MockProcess, control_headers

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Name three rivers."}]}
STREAM: dict[str, Any] = BODY | {"stream": True, "stream_options": {"include_usage": True}}


def stream_bytes(mock: MockProcess, **controls: int) -> bytes:
    return mock.request("POST", CHAT, json.dumps(STREAM).encode(), control_headers(**controls))[2]


def events_of(stream: bytes) -> list[Any]:
    lines = [line[6:] for line in stream.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_every_control_header_sets_its_field() -> None:
    for header in HEADERS:
        controls = read_controls([(header.name.upper(), str(header.maximum))])
        assert getattr(controls, header.field) == header.maximum


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ([("x-mock-outputtokens", "1")], "unknown control header"),
        ([("x-mock-output-tokens", "-1")], "whole number"),
        ([("x-mock-output-tokens", "1.5")], "whole number"),
        ([("x-mock-fail", "99")], "from 200 to 599"),
        ([("x-mock-chunks", "1"), ("X-Mock-Chunks", "2")], "given twice"),
    ],
)
def test_a_mistyped_control_is_refused(headers: list[tuple[str, str]], complaint: str) -> None:
    with pytest.raises(ControlError, match=complaint):
        read_controls(headers)


def test_a_mistyped_control_is_answered_with_400(mock: MockProcess) -> None:
    status, error = mock.post(CHAT, BODY, no_such_control=1)
    assert status == 400
    assert "x-mock-no-such-control" in error["error"]["message"]


def test_output_exceeds_the_callers_limit_only_on_request(mock: MockProcess) -> None:
    mock.post(CHAT, BODY | {"max_tokens": 5}, output_tokens=500)
    mock.post(CHAT, BODY | {"max_tokens": 5})
    assert [call["counts"]["output"] for call in mock.calls(2)] == [500, 5]


def test_fail_answers_with_the_status_and_a_provider_error_even_for_a_stream(mock: MockProcess) -> None:
    status, error = mock.post(CHAT, STREAM, fail=500)
    assert (status, error["error"]["type"]) == (500, "server_error")


@pytest.mark.parametrize("control", ["fail", "error_body"])
def test_a_json_error_body_can_come_with_status_200(mock: MockProcess, control: str) -> None:
    status, error = mock.post(CHAT, BODY, **{control: 200})
    assert (status, error["error"]["type"]) == (200, "server_error")
    call = mock.call()
    assert (call["status"], call["finished"], call["usage"]) == (200, "failed", None)


def test_error_body_breaks_off_a_stream_after_its_first_text(mock: MockProcess) -> None:
    stream = stream_bytes(mock, error_body=200)
    last = json.loads(stream.split(b"\n\n")[-2].removeprefix(b"data: "))
    assert "error" in last
    call = mock.call()
    assert (call["finished"], call["usage_reported"]) == ("failed", "none")
    assert 0 < call["output_tokens_written"] < call["counts"]["output"]


def test_a_response_stream_fails_with_an_error_in_the_response(mock: MockProcess) -> None:
    body = json.dumps({"model": "gpt-5", "input": "x", "stream": True}).encode()
    stream = mock.request("POST", "/v1/responses", body, control_headers(error_body=200))[2]
    last = json.loads(stream.split(b"\ndata: ")[-1])
    assert (last["type"], last["response"]["error"]["code"], last["response"]["usage"]) == (
        "response.failed",
        "server_error",
        None,
    )


def test_stall_delays_the_first_byte(mock: MockProcess) -> None:
    started_s = time.monotonic()
    mock.post(CHAT, BODY, stall_ms=150)
    assert time.monotonic() - started_s >= 0.15


def test_pace_separates_the_events_of_a_stream(mock: MockProcess) -> None:
    started_s = time.monotonic()
    stream_bytes(mock, chunks=4, pace_ms=20)
    assert time.monotonic() - started_s >= mock.call()["events_written"] * 0.02 - 0.02


def test_chunks_sets_the_number_of_text_events(mock: MockProcess) -> None:
    events = events_of(stream_bytes(mock, chunks=30, output_tokens=10))
    texts = [event["choices"][0]["delta"]["content"] for event in events if event["choices"] and _has_text(event)]
    assert len(texts) == 30
    assert len("".join(texts).split()) == 10


def _has_text(event: Any) -> bool:
    delta = event["choices"][0]["delta"]
    return "content" in delta and "role" not in delta


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, BODY),
        (CHAT, STREAM),
        ("/v1/responses", {"model": "gpt-5", "input": "x"}),
        ("/v1/responses", {"model": "gpt-5", "input": "x", "stream": True}),
        ("/v1/messages", {"model": "claude-opus-5-5", "max_tokens": 9, "messages": BODY["messages"]}),
        ("/v1/messages", {"model": "claude-opus-5-5", "max_tokens": 9, "messages": BODY["messages"], "stream": True}),
        ("/v1beta/models/gemini-2.5-pro:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "x"}]}]}),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    ],
)
def test_omit_usage_leaves_no_usage_anywhere(mock: MockProcess, path: str, body: object) -> None:
    _, _, answer = mock.request("POST", path, json.dumps(body).encode(), control_headers(omit_usage=1))
    assert b'_tokens":' not in answer.replace(b'"max_output_tokens":', b"")
    assert b"TokenCount" not in answer
    call = mock.call()
    assert (call["finished"], call["usage_reported"], call["usage_sent"]) == ("complete", "none", None)
    assert call["usage"] is not None


def test_hang_up_closes_a_stream_after_the_given_events(mock: MockProcess) -> None:
    with pytest.raises(http.client.IncompleteRead):
        stream_bytes(mock, chunks=10, output_tokens=50, hang_up_after=3)
    call = mock.call()
    assert (call["finished"], call["events_written"], call["output_tokens_written"]) == ("hung_up", 3, 10)


def test_hang_up_cuts_a_json_answer_in_half(mock: MockProcess) -> None:
    with pytest.raises(http.client.IncompleteRead):
        mock.post(CHAT, BODY, hang_up_after=0)
    assert mock.call()["finished"] == "hung_up"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, STREAM),
        ("/v1/responses", {"model": "gpt-5", "input": "x", "stream": True}),
        ("/v1/messages", {"model": "claude-opus-5-5", "max_tokens": 9, "messages": BODY["messages"], "stream": True}),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "x"}]}]}),
    ],
)
def test_event_bytes_makes_the_final_usage_event_large(mock: MockProcess, path: str, body: object) -> None:
    _, _, answer = mock.request("POST", path, json.dumps(body).encode(), control_headers(event_bytes=20_000))
    events = [event for event in answer.replace(b"\r\n", b"\n").split(b"\n\n") if b"sage" in event]
    usage = json.dumps(mock.call()["usage_sent"], separators=(",", ":")).encode()
    large = [event for event in events if len(event) >= 20_000]
    assert len(large) == 1
    assert large[0].find(usage) > 8192


def test_split_bytes_writes_a_stream_in_small_pieces(mock: MockProcess) -> None:
    """Each piece is a separate HTTP chunk, so the chunk sizes on the wire show where the stream was split."""
    body = json.dumps(STREAM).encode()
    with socket.create_connection((urlsplit(mock.url).hostname, urlsplit(mock.url).port), timeout=10) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        connection.sendall(f"{head}x-mock-split-bytes: 7\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    payload = answer.partition(b"\r\n\r\n")[2]
    sizes = []
    while not payload.startswith(b"0\r\n"):
        size, _, payload = payload.partition(b"\r\n")
        sizes.append(int(size, 16))
        payload = payload[sizes[-1] + 2 :]
    assert max(sizes) == 7
    assert sizes.count(7) > 100
