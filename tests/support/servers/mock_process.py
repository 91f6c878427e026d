"""Runs the mock provider as a separate process, and reads its tally."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.support.repository import ROOT

_ROOT = ROOT
_PATIENCE_S = 30.0


class MockProcess:
    """A running mock provider."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url = url
        self.process = process

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Makes one plain HTTP request. Returns the status, the headers with lowercase names, and the body."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, path: str, body: object, **controls: int) -> tuple[int, Any]:
        """Returns the status and the parsed answer. `output_tokens=3` sends the control header `x-mock-output-tokens: 3`."""
        status, _, answer = self.request("POST", path, json.dumps(body).encode(), control_headers(**controls))
        return status, json.loads(answer)

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path)[2])

    def reset(self) -> None:
        assert self.request("DELETE", "/tally")[0] == 204

    def calls(self, expected: int = 1) -> list[dict[str, Any]]:
        """Waits until `expected` calls ended since the last reset, and returns the calls."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            calls: list[dict[str, Any]] = self.get("/tally/calls")["calls"]
            if len(calls) >= expected or time.monotonic() > deadline_s:
                assert len(calls) == expected
                return calls
            time.sleep(0.005)

    def call(self) -> dict[str, Any]:
        """Returns the only call since the last reset."""
        return self.calls()[0]


def control_headers(**controls: int) -> dict[str, str]:
    return {f"x-mock-{name.replace('_', '-')}": str(value) for name, value in controls.items()}


@contextmanager
def running_mock(*arguments: str) -> Iterator[MockProcess]:
    """Starts a mock provider on a free port, and stops it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mock_provider", "--port", "0", *arguments],
        cwd=_ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield MockProcess(process.stdout.readline().split()[-1], process)
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
