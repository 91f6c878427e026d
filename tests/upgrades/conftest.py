"""Two whole gateways on one PostgreSQL and one Redis, behind a load balancer that avoids one that is not ready."""

from collections.abc import AsyncIterator

import pytest
from megarouter_envoy.settings.variables import DRAIN_GRACE

from tests.support.faults import databases
from tests.support.faults.recovery import FIGURES
from tests.support.upgrades.fleet import Fleet, running_fleet
from tests.support.upgrades.releases import RELEASES, Release

DRAIN_GRACE_S = 8
"""How long the calls of an Envoy that stops or is replaced may take."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := FIGURES.lines():
        terminalreporter.section("upgrades")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(params=RELEASES, ids=lambda release: release.version)
def release(request: pytest.FixtureRequest) -> Release:
    chosen: Release = request.param
    if not chosen.is_in_history:
        pytest.skip("the history of the checkout does not reach back to this release")
    return chosen


@pytest.fixture(scope="package")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    with databases.running(tmp_path_factory.mktemp("databases")) as (postgres, redis):
        settings = {DRAIN_GRACE: str(DRAIN_GRACE_S)}
        directory = tmp_path_factory.mktemp("fleet")
        async with running_fleet(directory, postgres.url, redis.url, settings) as running:
            yield running
