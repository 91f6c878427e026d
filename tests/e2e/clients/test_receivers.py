"""The receivers of the guide verify what notification_service sends, with the reference libraries of their languages."""

import asyncio
import base64
import datetime as dt
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.channels import callback
from notification_service.channels.messages import Alert, Endpoint
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.lines import Line
from notification_service.transport.posting import Poster
from tests.support.ports import free_port
from tests.support.repository import ROOT
from tools import sdk as clients

pytestmark = pytest.mark.timeout(300)  # npm downloads packages that are not cached yet
GUIDE = ROOT / "docs" / "guides" / "alerts.md"
LIBRARY = "standardwebhooks@1.0.0"
SECRET, FORMER, STRANGER = (f"whsec_{base64.b64encode(bytes([number] * 32)).decode()}" for number in (1, 2, 3))
STARTS_WITHIN_S = 30.0
ALERT = Alert(
    event_id="evt-1",
    event_type="budget.threshold_reached",
    severity="WARNING",
    time=dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC),
    data={"version": 1, "scope": {"displayName": "研发团队 & Söhne"}},
    organization="Acme",
    subject_key="",
)


def program(language: str) -> str:
    """The program of the guide in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def python_receiver(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = tmp_path_factory.mktemp("python-receiver") / "receiver.py"
    file.write_text(program("python"), encoding="utf-8")
    return [sys.executable, str(file)]


@pytest.fixture(scope="module")
def typescript_receiver(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("typescript-receiver")
    (folder / "package.json").write_text('{"type": "module", "private": true}', encoding="utf-8")
    install = [*clients.npm(), "install", "--no-fund", "--no-audit", "--prefer-offline"]
    clients.run([*install, LIBRARY], clients.node_environment(), folder)
    (folder / "receiver.ts").write_text(program("typescript"), encoding="utf-8")
    return [clients.npm()[0], str(folder / "receiver.ts")]


@asynccontextmanager
async def receiving(command: list[str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    port = free_port()
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_a_receiver_takes_our_messages_once_and_no_others(language: str, request: pytest.FixtureRequest) -> None:
    command = request.getfixturevalue(f"{language}_receiver")
    async with receiving(command) as (process, port):
        url = f"http://127.0.0.1:{port}/alerts"
        poster = Poster(
            SystemResolver().resolve, AllowedTargets.parse(f"127.0.0.1:{port}"), ssl.create_default_context()
        )

        async def post(secrets: Sequence[str], body: bytes | None = None, age_s: int = 0) -> int:
            now = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)
            made = callback.render([ALERT], Endpoint(url, tuple(secrets)), now)
            line = Line()
            exchange = await poster.post(url, made.headers, made.body if body is None else body, line)
            await line.aclose()
            assert exchange.answer is not None, exchange.error
            return exchange.answer.status

        assert await post([SECRET]) == 204
        assert await post([FORMER, SECRET]) == 204  # during a rotation, and the second time
        assert await post([STRANGER]) == 400
        assert await post([SECRET], callback.event_body(ALERT).replace(b"1", b"2")) == 400
        assert await post([SECRET], age_s=600) == 400
        process.kill()
        assert process.stdout is not None
        printed = (await process.stdout.read()).decode()
    assert printed == "budget.threshold_reached 研发团队 & Söhne\n"
