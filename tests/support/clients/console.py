"""The programs with which the console is tested."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp

from tools.console.building import CONSOLE, tool
from tools.sdk import node_environment

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "needs Chromium. On Debian, run: apt-get install --no-install-recommends chromium"


def run_tests(*arguments: str, variables: Mapping[str, str] | None = None, timeout_s: float = 600) -> None:
    """Runs vitest, and fails with its output."""
    environment = {**node_environment(), **(variables or {}), "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)
    command = [*tool("vitest"), "run", *arguments]
    result = subprocess.run(
        command, cwd=CONSOLE, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    assert result.returncode == 0, result.stdout + result.stderr


@contextlib.asynccontextmanager
async def _debugged_chromium(address: str, profile: Path) -> AsyncIterator[str]:
    """Runs Chromium with a page open, and yields the WebSocket address of the page's debugger."""
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={profile}")
    chromium = await asyncio.create_subprocess_exec(CHROMIUM, *options, address, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession() as client:
            yield await _debugger(client, profile / "DevToolsActivePort")
    finally:
        chromium.terminate()
        await chromium.wait()


def _port_in(file: Path) -> str | None:
    """Returns the port of Chromium's debugger. Chromium writes the file in one step, when it listens."""
    return file.read_text(encoding="utf-8").split()[0] if file.exists() else None


async def _debugger(client: aiohttp.ClientSession, port_file: Path) -> str:
    while (port := _port_in(port_file)) is None:
        await asyncio.sleep(0.1)
    while True:
        async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
            for target in await answer.json():
                if target["type"] == "page":
                    return str(target["webSocketDebuggerUrl"])
        await asyncio.sleep(0.1)


async def wait_for_heading(address: str, heading: str, profile: Path, *, timeout_s: float = 120) -> None:
    """Opens a page in Chromium, and waits until it shows a first-level heading.

    It waits in real time. Chromium's own `--dump-dom` counts virtual time, which a busy machine runs out of before the page's
    first answer has come.

    Raises:
        TimeoutError: Without the heading within `timeout_s`.
    """
    headings = "[...document.querySelectorAll('h1')].map((shown) => shown.textContent)"
    question = {"id": 1, "method": "Runtime.evaluate", "params": {"expression": headings, "returnByValue": True}}
    async with (
        asyncio.timeout(timeout_s),
        _debugged_chromium(address, profile) as debugger,
        aiohttp.ClientSession() as client,
        client.ws_connect(debugger) as page,
    ):
        while True:
            await page.send_json(question)
            answer = await page.receive_json()
            if "error" not in answer and heading in answer["result"]["result"].get("value", ()):
                return  # An answer between two documents of the page is an error or has no value.
            await asyncio.sleep(0.1)
