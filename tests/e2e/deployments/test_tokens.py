"""Providers that want access tokens. The mock gives them, and accepts no other credential."""

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from megarouter_envoy.clusters.credentials import write_secret_file

from deploy.local.stack.state import Health
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import CLIENT_SECRET, TOKEN_LIFE_S, Upstreams
from tests.support.metered_calls import Metering
from tests.support.servers.mock_process import MockProcess
from tests.support.servers.scripted_upstream import json_answer

CONTENT = {"contents": [{"role": "user", "parts": [{"text": "How are you?"}]}]}
PATIENCE_S = 30.0


@pytest.fixture
def secret_file(deployed_stack: Stack) -> Iterator[Path]:
    """The secret of the application, which is right again after the test."""
    file = deployed_stack.home.envoy_files.token_credentials / "entra"
    yield file
    write_secret_file(file, CLIENT_SECRET)


def token_metrics(stack: Stack) -> str:
    url = f"http://127.0.0.1:{stack.ports.token_metrics}/metrics"
    with urllib.request.urlopen(url, timeout=5) as page:
        return str(page.read().decode())


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent?alt=sse"])
async def test_a_call_to_vertex_has_a_token_of_the_service_account(
    calls: Metering, tokens: MockProcess, verb: str
) -> None:
    reply = await calls.call(CONTENT, f"/v1beta/models/gemini:{verb}")
    assert reply.status == 200, reply.text
    served = tokens.call()
    path = "/v1/projects/ours/locations/europe-west4/publishers/google/models/gemini-2.5-flash"
    assert served["path"] == f"{path}:{verb.partition('?')[0]}"
    charged = await calls.charged()
    assert charged.source == "provider"
    assert charged.tokens["output"] + charged.tokens.get("reasoning", 0) == served["counts"]["output"]


async def test_a_call_to_azure_has_a_token_of_the_application(calls: Metering, tokens: MockProcess) -> None:
    reply = await calls.call(chat(model="entra"))
    assert reply.status == 200, reply.text
    assert tokens.call()["path"] == "/openai/deployments/gpt-4o-eu/chat/completions"


async def test_the_attempt_after_a_failed_one_has_the_token(
    calls: Metering, upstreams: Upstreams, tokens: MockProcess
) -> None:
    upstreams.alpha.choose(lambda _request: json_answer({"error": {}}, 500))
    assert (await calls.call(chat(model="entra-last"))).status == 200
    assert tokens.call()["status"] == 200


async def test_tokens_are_replaced_before_their_end_and_no_call_notices(calls: Metering, tokens: MockProcess) -> None:
    """Seen to fail when only one token was ever fetched."""
    until_s = asyncio.get_running_loop().time() + TOKEN_LIFE_S * 1.5
    statuses = set()
    while asyncio.get_running_loop().time() < until_s:
        statuses.add((await calls.call(chat(model="entra"))).status)
        await asyncio.sleep(0.3)
    assert statuses == {200}
    used = {call["credentials"][0]["sha256"] for call in tokens.get("/tally/calls")["calls"]}
    assert len(used) >= 2


async def test_no_secret_and_no_token_is_in_a_log_or_a_command_line(
    calls: Metering, deployed_stack: Stack, tokens: MockProcess
) -> None:
    assert (await calls.call(chat(model="entra"))).status == 200
    hidden, shown = secrets_and_texts(deployed_stack)
    assert any("new token" in text for text in shown)
    assert not [secret for secret in hidden for text in shown if secret in text]


def secrets_and_texts(stack: Stack) -> tuple[list[str], list[str]]:
    """Returns every secret that Envoy sends or token_service shows, and everything that people can read."""
    home = stack.home
    hidden = [CLIENT_SECRET, *(file.read_text() for file in home.envoy_files.credentials.iterdir())]
    shown = [file.read_text(errors="replace") for file in [*home.logs.iterdir(), home.envoy_files.token_sources_file]]
    shown += [file.read_bytes().decode(errors="replace") for file in Path("/proc").glob("[0-9]*/cmdline")]
    return [secret for secret in hidden if secret.strip()], shown


async def test_the_old_token_serves_until_its_end_while_no_new_one_is_given(
    calls: Metering, deployed_stack: Stack, secret_file: Path, tokens: MockProcess
) -> None:
    write_secret_file(secret_file, "a-wrong-secret")
    async with asyncio.timeout(PATIENCE_S):
        while 'outcome="refused"' not in token_metrics(deployed_stack):
            await asyncio.sleep(0.1)
        assert (await calls.call(chat(model="entra"))).status == 200
        while deployed_stack.state.process("token_service").health is not Health.NOT_READY:
            await asyncio.sleep(0.1)
        while (reply := await calls.call(chat(model="entra"))).status == 200:
            await asyncio.sleep(0.2)
    assert reply.status == 502
    assert 'megarouter_provider_token_life_seconds{gen_ai_provider_name="entra"} 0.0' in token_metrics(deployed_stack)
