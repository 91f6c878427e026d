"""Runs the transcript of docs/guides/half-a-day.md: half a day of an admin, by the command line."""

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.transcripts import Shell, run_page
from tests.support.data.northwind import write_people
from tests.support.repository import ROOT
from tests.support.servers.identity_provider import IdentityProvider

PAGE = ROOT / "docs" / "guides" / "half-a-day.md"


def post(stack: Stack, path: str, token: str, **body: Any) -> None:
    request = urllib.request.Request(
        f"{stack.environment['MEGAROUTER_ADMIN_URL']}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=20).close()  # noqa: S310 - the stack's own address


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

    def everybody_joins(what: str) -> None:
        assert what == "the invited people join"
        for row in json.loads((tmp_path / "invites.json").read_text("utf-8")):
            name = row["email"].partition("@")[0]
            token = identity_provider.token(
                f"northwind-{name}", email=row["email"], email_verified=True, name=name.title()
            )
            post(stack, "/v1/invites:accept", token, token=row["token"])

    shell = Shell(tmp_path, environment)
    try:
        assert run_page(PAGE, shell, everybody_joins) == []
    finally:
        shell.run("megarouter accounts switch acme")
        shell.close()
