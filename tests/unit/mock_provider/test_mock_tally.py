"""The tally: its records, sums, bounds and page, and the shutdown of the process."""

import hashlib
import json
import socket
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from mock_provider.controls import HEADERS
from tests.support.repository import ROOT
from tests.support.servers.mock_process import MockProcess, control_headers, running_mock

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Name three rivers."}]}


def test_sums_by_model_and_overall_match_the_calls(mock: MockProcess) -> None:
    for number in range(6):
        mock.post(CHAT, BODY | {"model": f"model-{number % 2}", "user": str(number)}, output_tokens=10 + number)
    mock.post(CHAT, BODY, fail=500)
    calls = mock.calls(7)
    tally = mock.get("/tally")
    for name in ("input_uncached", "cache_read", "output"):
        assert tally["totals"]["counts"][name] == sum(call["counts"][name] for call in calls if call["counts"])
    assert tally["totals"]["finished"] == {"complete": 6, "client_gone": 0, "hung_up": 0, "failed": 1}
    assert [tally["models"][f"model-{number}"]["counts"]["output"] for number in (0, 1)] == [36, 39]
    assert (tally["totals"]["calls"], tally["in_flight"], tally["last_sequence"]) == (7, 0, 7)


def test_calls_are_read_in_pages(mock: MockProcess) -> None:
    for _ in range(5):
        mock.post(CHAT, BODY)
    mock.calls(5)
    first = mock.get("/tally/calls?limit=2")
    second = mock.get("/tally/calls?after=2&limit=10")
    assert [call["sequence"] for call in first["calls"]] == [1, 2]
    assert [call["sequence"] for call in second["calls"]] == [3, 4, 5]
    assert mock.get("/tally/calls?after=5")["calls"] == []


def test_only_the_latest_calls_are_kept_but_all_are_summed() -> None:
    with running_mock("--calls-kept", "3") as mock:
        for _ in range(5):
            mock.post(CHAT, BODY)
        assert [call["sequence"] for call in mock.calls(3)] == [3, 4, 5]
        assert mock.get("/tally")["totals"]["calls"] == 5


def test_a_reset_restarts_the_sequence_at_one(mock: MockProcess) -> None:
    mock.post(CHAT, BODY)
    mock.calls(1)
    mock.reset()
    assert mock.get("/tally")["totals"]["calls"] == 0
    mock.post(CHAT, BODY)
    assert mock.call()["sequence"] == 1


def test_the_body_is_kept_byte_for_byte(mock: MockProcess) -> None:
    body = b'{ "stream" : true,\n "model":"gpt-4o", "stream_options": {"include_usage":true}, "messages":[{"role":"user"}] }'
    mock.request("POST", CHAT, body)
    call = mock.call()
    assert call["body"] == {
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "model": "gpt-4o",
        "stream_options": {"include_usage": True},
    }
    assert mock.request("GET", "/tally/calls/1/body")[2] == body


def test_only_the_latest_fifty_bodies_are_kept(mock: MockProcess) -> None:
    for _ in range(51):
        mock.post(CHAT, BODY)
    mock.calls(51)
    assert mock.request("GET", "/tally/calls/1/body")[0] == 404
    assert mock.request("GET", "/tally/calls/2/body")[0] == 200


def test_credentials_are_recognizable_but_never_shown(mock: MockProcess) -> None:
    headers = {
        "authorization": "Bearer sk-secret",
        "x-api-key": "other",
        "x-megarouter-cluster": "c",
        "x-request-id": "r",
    }
    mock.request("POST", CHAT, json.dumps(BODY).encode(), headers)
    call = mock.call()
    assert call["credentials"] == [
        {"header": "authorization", "sha256": hashlib.sha256(b"sk-secret").hexdigest()},
        {"header": "x-api-key", "sha256": hashlib.sha256(b"other").hexdigest()},
    ]
    assert call["gateway_headers"] == ["x-megarouter-cluster"]
    assert call["request_id"] == "r"
    assert "secret" not in json.dumps(call)


def test_a_disconnect_during_a_stream_is_recorded_with_the_written_output(mock: MockProcess) -> None:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-test") as client:
        stream = client.chat.completions.create(
            model="gpt-4o",
            messages=BODY["messages"],
            stream=True,
            extra_headers=control_headers(chunks=50, output_tokens=100, pace_ms=10),
        )
        seen = sum(1 for _, _ in zip(range(5), stream, strict=False))
        stream.close()
        call = mock.call()
    assert (seen, call["finished"], call["usage_reported"]) == (5, "client_gone", "none")
    assert 8 <= call["output_tokens_written"] < 100
    assert call["counts"]["output"] == 100


def test_a_disconnect_before_the_answer_is_recorded_immediately(mock: MockProcess) -> None:
    body = json.dumps(BODY).encode()
    with socket.create_connection((urlsplit(mock.url).hostname, urlsplit(mock.url).port)) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: mock\r\ncontent-length: {len(body)}\r\nx-mock-stall-ms: 60000\r\n\r\n"
        connection.sendall(head.encode() + body)
        while not mock.get("/tally")["in_flight"]:
            time.sleep(0.005)
    call = mock.call()
    assert (call["finished"], call["output_tokens_written"], call["status"]) == ("client_gone", 0, 0)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":1}', b'{"model":"m","messages":[]}', b"[" * 100_000])
def test_an_invalid_body_is_refused_in_the_providers_shape(mock: MockProcess, body: bytes) -> None:
    status, _, answer = mock.request("POST", CHAT, body)
    assert status == 400
    assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n"])
@pytest.mark.parametrize("value", [-1, 0, 1.5, "7", 10**18, True])
def test_an_absurd_number_is_refused(mock: MockProcess, field: str, value: object) -> None:
    assert mock.post(CHAT, BODY | {field: value})[0] == 400


def test_the_page_shows_models_escaped(mock: MockProcess) -> None:
    mock.post(CHAT, BODY | {"model": "<script>x</script>"})
    mock.calls(1)
    status, headers, page = mock.request("GET", "/")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert b"&lt;script&gt;" in page
    assert b"<script" not in page


def test_health_answers_plain_text(mock: MockProcess) -> None:
    assert mock.request("GET", "/healthz")[::2] == (200, b"ok\n")


def test_sigterm_ends_the_process_gracefully() -> None:
    with running_mock() as mock:
        mock.post(CHAT, BODY)
        mock.process.terminate()
        assert mock.process.wait(timeout=60) == 0


def test_help_and_readme_name_every_control_header() -> None:
    root = ROOT
    command = [sys.executable, "-m", "mock_provider", "--help"]
    help_text = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    readme = (root / "mock_provider" / "README.md").read_text()
    for header in HEADERS:
        assert header.name in help_text
        assert f"| `{header.name}` |" in readme
