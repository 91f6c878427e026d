"""Runs the transcript of docs/guides/half-a-day.md: half a day of an admin, by the command line."""

import json
import os
import sys
import time
from pathlib import Path

import httpx
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.transcripts import Shell, run_page
from tests.support.data.northwind import write_people
from tests.support.repository import ROOT
from tests.support.servers.identity_provider import IdentityProvider

PAGE = ROOT / "docs" / "guides" / "half-a-day.md"


def accept(stack: Stack, sign_in: str, invite: str) -> None:
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/invites:accept"
    answer = httpx.post(url, json={"token": invite}, headers={"Authorization": f"Bearer {sign_in}"}, timeout=20)
    assert answer.status_code == 200, answer.text


def until_settled(stack: Stack, calls: int) -> None:
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/northwind/guardrails/organization"
    headers = {"Authorization": f"Bearer {stack.environment['MEGAROUTER_ADMIN_TOKEN']}"}
    for _ in range(200):
        if int(httpx.get(url, headers=headers, timeout=20).json()["callCount"]) == calls:
            return
        time.sleep(0.1)
    raise AssertionError("the calls are not settled")


@pytest.mark.timeout(240)
def test_the_page_shows_what_its_commands_print(
    stack: Stack, identity_provider: IdentityProvider, tmp_path: Path
) -> None:
    """With UPDATE_GOLDEN, writes what they print into the page."""
    write_people(tmp_path / "people.csv")
    environment = {
        **stack.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    environment.pop("MEGAROUTER_ORGANIZATION")

    def happen(what: str) -> None:
        count, _, event = what.partition(" ")
        if event == "calls are settled":
            until_settled(stack, int(count))
        else:
            assert what == "the invited people join"
            everybody_joins()

    def everybody_joins() -> None:
        for row in json.loads((tmp_path / "invites.json").read_text("utf-8")):
            name = row["email"].partition("@")[0]
            token = identity_provider.token(
                f"northwind-{name}", email=row["email"], email_verified=True, name=name.title()
            )
            accept(stack, token, row["token"])

    shell = Shell(tmp_path, environment)
    try:
        differences = run_page(PAGE, shell, happen)
        assert not differences, "\n".join(map(str, differences))
    finally:
        shell.run("megarouter accounts switch acme")
        shell.close()
