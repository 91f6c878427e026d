"""`./dev vulnerabilities` with an index of the test that speaks OSV's API, and without one."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import ROOT
from tools.vulnerabilities.check import EXIT_CLEAN, EXIT_FOUND, EXIT_UNKNOWN, check
from tools.vulnerabilities.osv import MAX_PAGES
from tools.vulnerabilities.pins import Pin, PinsError, pins_of

AIOHTTP = {
    "id": "GHSA-test-0001",
    "summary": "Reads\x1b[2J too much",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "aiohttp"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]},
                {"type": "GIT", "events": [{"fixed": "0123456789abcdef"}]},
            ],
        },
        {"package": {"ecosystem": "PyPI", "name": "other"}, "ranges": [{"events": [{"fixed": "5"}]}]},
    ],
}


@dataclass
class FakeIndex:
    """What the index knows, by name of a package; and what it was asked."""

    url: str = ""
    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pages: int = 1
    """How many pages a list with vulnerabilities has. The last one has the vulnerabilities."""
    status: int = 200
    answer: object = None
    """Replaces every answer."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer_to(self, path: str, body: Any) -> object:
        if self.answer is not None:
            return self.answer
        if path == "/v1/querybatch":
            self.asked.extend(body["queries"])
            return {"results": [self._result(query) for query in body["queries"]]}
        details = {one["id"]: one for listed in self.known.values() for one in listed}
        return details[path.removeprefix("/v1/vulns/")]

    def _result(self, query: Mapping[str, Any]) -> dict[str, Any]:
        found = self.known.get(query["package"]["name"])
        if not found:
            return {}
        page = int(query.get("page_token", "1"))
        if page < self.pages:
            return {"next_page_token": str(page + 1)}
        return {"vulns": [{"id": one["id"], "modified": "2026-01-01T00:00:00Z"} for one in found]}


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    fake = FakeIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def do_GET(self) -> None:
            self._reply(None)

        def _reply(self, body: object) -> None:
            content = json.dumps(fake.answer_to(self.path, body)).encode()
            self.send_response(fake.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


def run(index_url: str, *accepted: str) -> tuple[int, str]:
    lines: list[str] = []
    status = check(ROOT, index_url, accepted, lines.append)
    return status, "\n".join(lines)


def test_every_pinned_dependency_is_asked_for_with_its_version(index: FakeIndex) -> None:
    status, text = run(index.url)
    pins = pins_of(ROOT)
    assert status == EXIT_CLEAN
    assert text == f"{len(pins)} pinned dependencies checked with {index.url}: 0 known vulnerabilities"
    asked = {Pin(query["package"]["ecosystem"], query["package"]["name"], query["version"]) for query in index.asked}
    assert asked == set(pins)
    assert {pin.ecosystem for pin in pins} == {"PyPI", "npm", "Go", "Maven", "Bitnami"}
    assert {("PyPI", "grpcio"), ("npm", "@bufbuild/protobuf"), ("Go", "google.golang.org/grpc")} <= {
        pin[:2] for pin in pins
    }
    assert {("Maven", "io.grpc:grpc-netty"), ("Bitnami", "envoy"), ("Bitnami", "postgresql")} <= {
        pin[:2] for pin in pins
    }


def test_a_vulnerability_is_reported_with_its_remedy_on_one_line(index: FakeIndex) -> None:
    index.known = {"aiohttp": [AIOHTTP]}
    status, text = run(index.url)
    version = next(pin.version for pin in pins_of(ROOT) if pin.name == "aiohttp")
    assert status == EXIT_FOUND
    assert text.splitlines()[0] == f"PyPI aiohttp {version}: GHSA-test-0001: Reads [2J too much (fixed in 99.1)"
    assert text.endswith("1 known vulnerabilities")


def test_one_without_details_is_reported_too(index: FakeIndex) -> None:
    index.known = {"aiohttp": [{"id": "GHSA-test-0002"}]}
    status, text = run(index.url)
    assert (status, "GHSA-test-0002: no summary (no fixed version known)" in text) == (EXIT_FOUND, True)


def test_later_pages_are_read(index: FakeIndex) -> None:
    index.known, index.pages = {"aiohttp": [AIOHTTP]}, 3
    assert run(index.url)[0] == EXIT_FOUND


def test_an_accepted_one_does_not_count_and_a_needless_acceptance_is_named(index: FakeIndex) -> None:
    index.known = {"aiohttp": [AIOHTTP]}
    status, text = run(index.url, "GHSA-test-0001", "GHSA-gone")
    assert status == EXIT_CLEAN
    assert "0 known vulnerabilities, 1 accepted" in text
    assert "drop --accept GHSA-gone" in text


@pytest.mark.parametrize(
    "change",
    [
        {"status": 503},
        {"status": 400},
        {"answer": []},
        {"answer": {}},
        {"answer": {"results": []}},
        {"answer": {"results": [None] * 500}},
        {"known": {"aiohttp": [AIOHTTP]}, "pages": MAX_PAGES + 1},
    ],
    ids=str,
)
def test_an_index_that_does_not_answer_as_osv_leaves_everything_unknown(
    index: FakeIndex, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(index, name, value)
    status, text = run(index.url)
    assert status == EXIT_UNKNOWN
    assert text.startswith("NOT CHECKED: ")
    assert "known vulnerabilities is unknown" in text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nothing"])
def test_an_index_that_cannot_be_reached_leaves_everything_unknown(url: str) -> None:
    status, text = run(url)
    assert (status, text.startswith("NOT CHECKED: ")) == (EXIT_UNKNOWN, True)


def test_a_file_in_another_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(PinsError, match=r"cannot read uv\.lock"):
        pins_of(tmp_path)
    (tmp_path / "uv.lock").write_text("package = []")
    with pytest.raises(PinsError, match=r"uv\.lock pins nothing"):
        pins_of(tmp_path)


def test_the_command_exits_with_the_status(index: FakeIndex) -> None:
    index.known = {"aiohttp": [AIOHTTP]}
    statuses = {url: command(url).returncode for url in (index.url, "http://127.0.0.1:1")}
    assert list(statuses.values()) == [EXIT_FOUND, EXIT_UNKNOWN]
    assert command(index.url, "--accept", "GHSA-test-0001").returncode == EXIT_CLEAN


def command(index_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "deploy.local", "vulnerabilities", "--index", index_url, *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
