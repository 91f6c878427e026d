"""Whitelist entries, by REST and by the command line: `provider/*` works, and an entry without effect is refused."""

import json

import aiohttp
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat
from tests.e2e.docs.test_command_line import megarouter


@pytest.mark.parametrize(
    ("entry", "statuses"),
    [("openai/*", (200, 403)), ("openai/gpt-4o-mini", (200, 403)), ("anthropic/*", (403, 200))],
)
async def test_a_provider_is_whitelisted_by_its_prefix(
    stack: Stack, session: aiohttp.ClientSession, entry: str, statuses: tuple[int, int]
) -> None:
    made = megarouter(stack, "keys", "create", "Prefix", "--model", entry, "--json")
    assert made.returncode == 0, made.stderr
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
    headers = {"authorization": f"Bearer {json.loads(made.stdout)['secret']}"}
    for model, status in zip(("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"), statuses, strict=True):
        async with session.post(url, json=chat(model=model), headers=headers) as answer:
            assert (model, answer.status) == (model, status)


@pytest.mark.parametrize(
    "command", [["keys", "create", "Typo", "--model"], ["guardrails", "set", "groups/dach", "--model"]]
)
def test_the_command_line_refuses_what_matches_nothing(stack: Stack, command: list[str]) -> None:
    refused = megarouter(stack, *command, "GPT-4O-MINI")
    assert refused.returncode == 1
    assert "'GPT-4O-MINI' matches no model of the catalog; write 'gpt-4o-mini'" in refused.stderr


def test_the_command_line_accepts_models_to_come(stack: Stack) -> None:
    made = megarouter(stack, "keys", "create", "Future", "--model", "gpt-99", "--allow-unknown-models")
    assert made.returncode == 0, made.stderr
    assert "gpt-99" in made.stdout


async def test_rest_refuses_what_matches_nothing(stack: Stack, session: aiohttp.ClientSession) -> None:
    environment = stack.environment
    url = f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{environment['MEGAROUTER_ORGANIZATION']}/apiKeys"
    headers = {"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"}
    key = {"displayName": "Typo", "modelWhitelist": {"entries": ["opanai/*"]}}
    async with session.post(url, json=key, headers=headers) as refused:
        assert refused.status == 400
        assert "'openai/*'" in (await refused.json())["message"]
    async with session.post(f"{url}?allowUnknownModels=true", json=key, headers=headers) as made:
        assert made.status == 200
