"""The real stack, and third-party clients installed from their registries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import (
    base_url,
    database,
    identity_provider,
    pepper,
    session,
    settled,
    stack,
    tenant,
    witness,
)
from tests.support.clients.installation import Installation, NotInstalledError, installed
from tests.support.clients.process import Caller
from tests.support.clients.table import Client
from tests.support.data.tenants import Tenant

__all__ = ("base_url", "database", "identity_provider", "pepper", "session", "settled", "stack", "tenant", "witness")

TIMEOUT_S = 900
"""The first test of a client also installs it."""

_VERSIONS: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _VERSIONS:
        terminalreporter.section("clients")
        for name, versions in sorted(_VERSIONS.items()):
            terminalreporter.write_line(f"{name}: {versions}")


Install = Callable[[Client], Installation]


@pytest.fixture(scope="session")
def install() -> Install:
    """Returns an installed client. Skips the test if it cannot be installed here, once tried."""
    failures: dict[str, str] = {}

    def install(client: Client) -> Installation:
        if str(client) not in failures | _VERSIONS:
            try:
                versions = installed(client).versions
                _VERSIONS[str(client)] = ", ".join(f"{name} {version}" for name, version in versions.items())
            except NotInstalledError as error:
                failures[str(client)] = str(error)
        if str(client) in failures:
            pytest.skip(f"{client} cannot be installed: {failures[str(client)]}")
        return installed(client)

    return install


@pytest.fixture
def caller(base_url: str, tenant: Tenant, tmp_path: Path) -> Caller:
    home = tmp_path / "home"
    home.mkdir()
    return Caller(base_url, tenant.key, home)
