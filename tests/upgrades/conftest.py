"""Two whole gateways on one PostgreSQL and one Redis, behind a load balancer that avoids one that is not ready."""

from collections.abc import AsyncIterator

import pytest
from megarouter_envoy.settings.variables import DRAIN_GRACE

from tests.support.faults import databases
from tests.support.faults.recovery import FIGURES
from tests.support.upgrades.fleet import Fleet, running_fleet

DRAIN_GRACE_S = 8
"""How long the calls of an Envoy that stops or is replaced may take."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := FIGURES.lines():
        terminalreporter.section("upgrades")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="package")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    with databases.running(tmp_path_factory.mktemp("databases")) as (postgres, redis):
        settings = {DRAIN_GRACE: str(DRAIN_GRACE_S)}
        directory = tmp_path_factory.mktemp("fleet")
        async with running_fleet(directory, postgres.url, redis.url, settings) as running:
            yield running
