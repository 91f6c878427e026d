"""Other gateways are found and measured. A failure of one does not stop the benchmark."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from benchmarks.gateway import peers
from benchmarks.gateway.peers import LITELLM, PORTKEY, Peer, Place, find_executable, measure_all
from tests.support.ports import free_port

# Answers health checks, plain calls, and streams with the given response.
GATEWAY = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self): self.answer(200, "text/plain", b"up")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if b'"stream": true' in body: self.answer(*eval(sys.argv[2]))
        else: self.answer(200, "application/json", b'{"content": "Lorem"}')
    def answer(self, status, kind, content):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
LOADS = {"JSON": b'{"stream": false}', "SSE": b'{"stream": true}'}


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def test_a_peer_is_found_on_the_path_or_at_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_executable(LITELLM, None) is None
    assert find_executable(LITELLM, tmp_path / "elsewhere") == str(tmp_path / "elsewhere")
    file = executable(tmp_path / "bin" / "litellm")
    assert find_executable(LITELLM, None) == str(file)


def test_another_program_named_gateway_is_not_taken_for_portkey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when only the name is checked."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    link = executable(tmp_path / "bin" / "gateway")
    assert find_executable(PORTKEY, None) is None
    link.unlink()
    link.symlink_to(executable(tmp_path / "node_modules" / "@portkey-ai" / "gateway" / "start.js"))
    assert find_executable(PORTKEY, None) == str(link)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(peers, "_WARM_UP_S", 0.1)
    monkeypatch.setattr(peers, "_CONNECTIONS", 2)
    monkeypatch.setattr(peers, "GATEWAY_CORE", min(os.sched_getaffinity(0)))
    return Place(tmp_path, free_port(), free_port(), "bench/model")


async def measured(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer_to_streams: str
) -> tuple[peers.PeerFigures, list[str]]:
    def scripted(_executable: str, place: Place) -> Peer:
        return Peer(PORTKEY, [sys.executable, "-c", GATEWAY, str(place.port), answer_to_streams], place.port, "/", {})

    monkeypatch.setattr(peers, "_portkey", scripted)
    reports: list[str] = []
    affinity = os.sched_getaffinity(0)
    found = await measure_all(place, {LITELLM: None, PORTKEY: Path("named")}, LOADS, 0.2, reports.append)
    assert os.sched_getaffinity(0) == affinity
    assert list(found) == [PORTKEY]
    return found[PORTKEY], reports


@pytest.mark.timeout(60)
async def test_a_peer_is_measured_and_a_missing_one_is_reported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.directory))
    figures, reports = await measured(
        place, monkeypatch, "(200, 'text/event-stream', b'data: lorem\\n\\ndata: [DONE]\\n\\n')"
    )
    assert sorted(figures.calls_per_s) == ["JSON", "SSE"]
    assert all(rate > 0 for rate in figures.calls_per_s.values())
    assert figures.failures == []
    assert reports[0].startswith("LiteLLM is not installed: pip install")
    with pytest.raises(OSError, match=r"refused|Connect"):  # the peer is stopped
        await asyncio.open_connection("127.0.0.1", place.port)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "answer",
    ["(500, 'application/json', b'lorem: something went wrong')", "(200, 'text/event-stream', b'data: lorem, cut')",
     "(200, 'application/json', b'{}')"],
)  # fmt: skip
async def test_a_failed_load_has_no_figure_and_others_keep_theirs(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setenv("PATH", str(place.directory))
    figures, reports = await measured(place, monkeypatch, answer)
    assert list(figures.calls_per_s) == ["JSON"]
    assert any(line.startswith("Portkey failed: SSE: answered") for line in reports)


@pytest.mark.timeout(60)
async def test_a_peer_that_does_not_start_is_reported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(_executable: str, place: Place) -> Peer:
        return Peer(PORTKEY, [sys.executable, "-c", "raise SystemExit('no key')"], place.port, "/", {})

    monkeypatch.setattr(peers, "_portkey", ending)
    reports: list[str] = []
    found = await measure_all(place, {PORTKEY: Path("named")}, LOADS, 0.2, reports.append)
    assert found[PORTKEY].calls_per_s == {}
    assert "no key" in reports[0]
