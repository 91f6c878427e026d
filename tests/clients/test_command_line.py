"""Command-line clients, without a terminal, work with the gateway's address and key, and pay what the provider counted."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mock_provider.words import text_of
from tests.clients.conftest import PAID_IN, Install, assert_paid_as_counted
from tests.e2e.conftest import Witness
from tests.support.clients.process import Ended, environment_of, run
from tests.support.clients.recorder import Exchange, recorded
from tests.support.clients.table import versions_of
from tests.support.data.tenants import Tenant
from tools.sdk import npm

WORDS = frozenset(text_of(200, 0).split())
PROMPT = "Tell me about the sea."


@dataclass(frozen=True)
class CommandLine:
    """Runs the newest version of a client, which knows only the gateway and a key."""

    install: Install
    base_url: str
    key: str
    home: Path

    async def claude(self, prompt: str, model: str = "claude-haiku-4-5") -> Ended:
        settings = {
            "ANTHROPIC_BASE_URL": self.base_url,
            "ANTHROPIC_API_KEY": self.key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        return await self._run("claude-code", ["-p", prompt, "--model", model], settings)

    async def codex(self, prompt: str, model: str = "gpt-5-mini") -> Ended:
        provider = {
            "name": '"MegaRouter"',
            "base_url": f'"{self.base_url}/v1"',
            "env_key": '"MEGAROUTER_API_KEY"',
            "wire_api": '"responses"',
            "supports_websockets": "true",
        }
        options = [f"model_providers.megarouter.{name}={value}" for name, value in provider.items()]
        options.append('model_provider="megarouter"')
        settings = {"MEGAROUTER_API_KEY": self.key}
        overrides = [part for option in options for part in ("-c", option)]
        return await self._run("codex", ["exec", "--skip-git-repo-check", "-m", model, *overrides, prompt], settings)

    async def gemini(self, prompt: str, model: str = "gemini-2.5-flash") -> Ended:
        choices = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
        }
        folder = self.home / ".gemini"
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(choices), encoding="utf-8")
        settings = {
            "GOOGLE_GEMINI_BASE_URL": self.base_url,
            "GEMINI_API_KEY": self.key,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        }
        return await self._run("gemini-cli", ["-p", prompt, "-m", model], settings)

    async def aider(self, prompt: str, model: str = "gpt-4o-mini") -> Ended:
        settings = {
            "OPENAI_API_BASE": f"{self.base_url}/v1",
            "OPENAI_API_KEY": self.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        quiet = ["--no-git", "--no-pretty", "--no-check-update", "--no-show-release-notes", "--analytics-disable"]
        message = ["--message", prompt, "--model", f"openai/{model}", "--yes-always"]
        return await self._run("aider", [*message, *quiet, "--no-show-model-warnings"], settings)

    async def _run(self, name: str, arguments: list[str], settings: dict[str, str]) -> Ended:
        (client,) = versions_of(name)
        commands = self.install(client).commands
        work = self.home / "work"
        work.mkdir(exist_ok=True)
        environment = environment_of(self.home, settings, commands, Path(npm()[0]).parent)
        return await run([str(commands / client.program), *arguments], environment, work)


@pytest.fixture
def command_line(install: Install, base_url: str, tenant: Tenant, tmp_path: Path) -> CommandLine:
    return CommandLine(install, base_url, tenant.key, tmp_path)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "aider"])
async def test_a_prompt_is_answered_and_charged_as_the_provider_counted(
    command_line: CommandLine, name: str, tenant: Tenant, witness: Witness
) -> None:
    before = await witness.last_sequence()
    ended, exchange = await _recorded(command_line, name)
    assert ended.status == 0, str(ended)
    assert _said_words(ended.output), str(ended)
    assert set(exchange.statuses) - {426} == {200}, exchange
    calls = await witness.calls_after(before)
    assert exchange.statuses.count(200) == len(calls)
    await assert_paid_as_counted(tenant, calls)
    assert await tenant.balance() < PAID_IN


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "aider"])
async def test_an_unknown_model_is_not_found(command_line: CommandLine, name: str) -> None:
    """Claude Code may try once more without a stream."""
    ended, exchange = await _recorded(command_line, name, "no-such-model")
    assert set(exchange.statuses) - {426} == {404}, exchange
    assert len(exchange.statuses) <= 2, exchange
    assert "authenticate" not in ended.output + ended.errors


@pytest.mark.parametrize("name", ["claude", "codex", "gemini"])
async def test_a_wrong_key_is_shown_as_such(command_line: CommandLine, name: str) -> None:
    """Codex sends the call six times, whatever the answer says. aider shows it too, after a minute of retries."""
    ended, exchange = await _recorded(replace(command_line, key=f"{command_line.key[:-6]}000000"), name)
    assert ended.status != 0, str(ended)
    assert set(exchange.statuses) - {426} == {401}, exchange
    assert "The API key is not valid" in ended.output + ended.errors, str(ended)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini"])
async def test_a_spent_budget_is_shown_as_such(command_line: CommandLine, name: str, tenant: Tenant) -> None:
    """Codex sends the call six times, whatever the answer says. aider shows it too, after a minute of retries."""
    await tenant.guard("member", "mia", budget_nano_credits=0)
    ended, exchange = await _recorded(command_line, name)
    assert ended.status != 0, str(ended)
    assert set(exchange.statuses) - {426} == {402}, exchange
    assert "The budget of this API key's member is exhausted" in ended.output + ended.errors, str(ended)


async def test_claude_code_says_of_an_unknown_model_that_it_may_not_exist(command_line: CommandLine) -> None:
    ended = await command_line.claude(PROMPT, "claude-no-such-model")
    assert ended.status != 0
    assert "It may not exist" in ended.output, str(ended)


async def test_claude_code_resolves_its_own_names_of_models(
    command_line: CommandLine, tenant: Tenant, witness: Witness
) -> None:
    """`haiku` becomes a name with a date or without, depending on the version of Claude Code."""
    before = await witness.last_sequence()
    ended, exchange = await _recorded(command_line, "claude", "haiku")
    assert ended.status == 0, str(ended)
    assert set(exchange.requests) == {"POST /v1/messages?beta=true"}
    calls = await witness.calls_after(before)
    assert all(call["model"].startswith("claude-haiku-") for call in calls)
    await assert_paid_as_counted(tenant, calls)


async def test_claude_code_shows_its_context_without_paying(
    command_line: CommandLine, witness: Witness, tenant: Tenant
) -> None:
    """Claude Code counts the tokens of its tools, each with a call. Where it cannot, it makes calls that cost something."""
    before = await witness.last_sequence()
    ended = await command_line.claude("/context")
    assert ended.status == 0, str(ended)
    assert "Context Usage" in ended.output
    calls = await witness.calls_after(before)
    assert {call["endpoint"] for call in calls} == {"count_message_tokens"}
    await assert_paid_as_counted(tenant, calls)
    assert await tenant.balance() == PAID_IN


async def test_codex_falls_back_from_a_websocket_in_one_try(command_line: CommandLine) -> None:
    ended, exchange = await _recorded(command_line, "codex")
    assert ended.status == 0, str(ended)
    assert exchange.requests == ["GET /v1/responses", "POST /v1/responses"]
    assert exchange.statuses == [426, 200]


async def _recorded(command_line: CommandLine, name: str, *model: str) -> tuple[Ended, Exchange]:
    """Runs a client with the prompt. Returns how it ended, and the requests that it made."""
    async with recorded(command_line.base_url) as exchange:
        ended = await getattr(replace(command_line, base_url=exchange.url), name)(PROMPT, *model)
    return ended, exchange


def _said_words(output: str) -> bool:
    """Returns whether a line of the output is an answer of the mock provider."""
    lines: list[Any] = [line.split() for line in output.splitlines()]
    return any(len(words) > 5 and set(words) <= WORDS for words in lines)
