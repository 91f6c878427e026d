"""Runs the tests of `console/tests/browser` in Chromium against a stack. Each file is one test here."""

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.clients.console import CHROMIUM, NO_CHROMIUM, run_tests
from tests.support.servers.tls_proxy import TlsProxy
from tools.console.building import CONSOLE

FILES = sorted((CONSOLE / "tests" / "browser").glob("*.test.ts"))


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_the_console_in_a_browser(stack: Stack, sign_in_proxy: TlsProxy, name: str) -> None:
    variables = {**stack.environment, "CHROMIUM": str(CHROMIUM), "SIGN_IN_PROXY": sign_in_proxy.address}
    run_tests("--config", "vitest.browser.config.ts", f"tests/browser/{name}", variables=variables, timeout_s=850)
