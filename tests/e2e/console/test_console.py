"""The console as Envoy serves it. `tests/browser` uses it as people do."""

import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from deploy.local.cli.console.link import new_sign_in_link
from deploy.local.supervision.embedded_stack import Stack
from tests.support.clients.console import CHROMIUM, NO_CHROMIUM, wait_for_heading


@pytest.fixture
def console_url(stack: Stack) -> str:
    return stack.environment["MEGAROUTER_CONSOLE_URL"]


@pytest.mark.parametrize("path", ["", "sign-in", "organizations/acme/apiKeys/ci?period=30d"])
async def test_every_address_is_the_page(console_url: str, path: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(console_url + path) as answer:
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert '<div id="root"></div>' in await answer.text()


async def test_what_the_page_names_is_served_and_may_be_kept(console_url: str) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(console_url) as answer:
            named = re.findall(r'"(/console/assets/[^"]+)"', await answer.text())
        types = set()
        for path in named:
            async with client.get(urljoin(console_url, path)) as answer:
                assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
                assert len(await answer.read()) > 0
                types.add(answer.content_type)
    assert types == {"image/svg+xml", "text/css", "text/javascript"}


async def test_an_asset_of_another_build_is_not_found(console_url: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{console_url}assets/index-0a1b2c3d.js") as answer:
        assert (answer.status, (await answer.json())["details"][0]["reason"]) == (404, "METHOD_UNKNOWN")


def test_the_link_of_the_command_is_for_the_console(stack: Stack, console_url: str) -> None:
    link = urlsplit(new_sign_in_link(stack.environment))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{console_url}sign-in"
    assert link.fragment.startswith("mrl-")


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
async def test_the_link_opens_the_console_signed_in(stack: Stack, tmp_path: Path) -> None:
    await wait_for_heading(new_sign_in_link(stack.environment), "Acme", tmp_path)
