"""A provider's credential is replaced by replacing its file. Envoy sends the new one without a restart, and refuses no call."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from megarouter_envoy.clusters.credentials import write_secret_file

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat, wait_settled
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Request, Script, json_answer

OLD, NEW = "credential-of-openai", "replacement-of-openai"
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}
CALLERS = 3


@pytest.fixture
def credential_file(metered_stack: Stack) -> Iterator[Path]:
    """The file, which has its first content again after the test."""
    file = metered_stack.home.envoy_files.credentials / "openai"
    yield file
    write_secret_file(file, OLD)


def sent(request: Request) -> str:
    return str(request.header("authorization")).removeprefix("Bearer ")


async def test_calls_pass_and_are_charged_while_the_credential_is_replaced(
    metering: Metering, credential_file: Path
) -> None:
    """Seen to fail while Envoy read its secrets only at its start: the old credential stayed."""
    metering.upstream.choose(lambda _: json_answer(ANSWER))
    statuses: list[int] = []
    is_over = False

    async def caller() -> None:
        while not is_over:
            statuses.append((await metering.call(chat(model="gpt-4o"))).status)

    callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
    async with asyncio.timeout(30):
        while len(metering.upstream.requests) < CALLERS:
            await asyncio.sleep(0.01)
        write_secret_file(credential_file, NEW)
        while sent(metering.upstream.requests[-1]) != NEW:
            await asyncio.sleep(0.01)
    is_over = True
    await asyncio.gather(*callers)
    credentials = [sent(request) for request in metering.upstream.requests]
    assert set(statuses) == {200}
    assert set(credentials) == {OLD, NEW}
    records = await wait_settled(metering.tenant, len(statuses))
    assert {record["outcome"] for record in records} == {"SETTLED"}
    assert len({record["charge_nano_credits"] for record in records}) == 1


async def test_neither_the_new_nor_the_old_credential_reaches_a_caller(
    metering: Metering, credential_file: Path
) -> None:
    """Seen to fail while the module read the credentials only at Envoy's start."""
    write_secret_file(credential_file, NEW)

    def quoting(request: Request) -> Script:
        quoted = {"error": {"message": f"not {OLD}, not {NEW}", "type": "invalid_request_error"}}
        return json_answer(quoted, 400, {"x-key": sent(request)})

    metering.upstream.choose(quoting)
    reply = await metering.call(chat(model="gpt-4o"))
    assert reply.json["error"]["message"] == "not [redacted], not [redacted]"
    assert reply.headers["x-key"] == "[redacted]"
