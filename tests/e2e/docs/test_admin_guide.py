"""Runs the commands of docs/start/first-organization.md in order, and tests the page that invites link to."""

import os
import sys
from pathlib import Path

import aiohttp
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.admin.test_rest import reason_of
from tests.e2e.conftest import Reply
from tests.support.checkout.documented_commands import blocks, broken_promises

PAGE = "docs/start/first-organization.md"


@pytest.mark.timeout(180)
def test_every_command_of_the_guide_prints_what_its_comment_says(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / ".run").symlink_to(stack.home.directory)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    assert broken_promises(blocks(PAGE, "sh"), tmp_path, {"PATH": os.environ["PATH"]}) == []
    assert (tmp_path / "changes.csv").read_text(encoding="utf-8").startswith("create_time,")


async def _get(session: aiohttp.ClientSession, url: str) -> Reply:
    async with session.get(url) as reply:
        return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.text())


async def test_the_link_of_an_invite_opens_a_page_that_says_how_to_accept(
    stack: Stack, session: aiohttp.ClientSession
) -> None:
    page = await _get(session, stack.environment["MEGAROUTER_ADMIN_URL"] + "/invites")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "megarouter invites accept" in page.text


async def test_the_page_for_invites_has_no_script_and_does_not_echo_the_request(
    stack: Stack, session: aiohttp.ClientSession
) -> None:
    address = stack.environment["MEGAROUTER_ADMIN_URL"] + "/invites"
    page = await _get(session, address + "?token=mri-never-shown")
    assert page.text == (await _get(session, address)).text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_no_other_page_is_served_besides_the_api(stack: Stack, session: aiohttp.ClientSession) -> None:
    other = await _get(session, stack.environment["MEGAROUTER_ADMIN_URL"] + "/invites/more")
    assert (other.status, reason_of(other)) == (404, "METHOD_UNKNOWN")
