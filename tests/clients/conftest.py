"""The real stack, and third-party clients installed from their registries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog_file import load_catalog
from tests.e2e.conftest import (
    base_url,
    database,
    identity_provider,
    pepper,
    session,
    stack,
    tenant,
    wait_settled,
    witness,
)
from tests.support.books import assert_books_agree
from tests.support.clients.installation import Installation, NotInstalledError, installed
from tests.support.clients.table import Client
from tests.support.data.tenants import CREDIT, Tenant

__all__ = ("base_url", "database", "identity_provider", "pepper", "session", "stack", "tenant", "witness")

PAID_IN = 10_000 * CREDIT
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


async def assert_paid_as_counted(tenant: Tenant, calls: list[dict[str, Any]]) -> None:
    """Asserts that the calls of an organization that began with `PAID_IN` are recorded and charged as the provider counted.

    A call without usage, such as the counting of tokens, is recorded and costs nothing.
    """
    records = await wait_settled(tenant, len(calls))
    free = [record for record in records if record["source"] == "none"]
    assert all(record["charge_nano_credits"] == 0 for record in free)
    counted = [call for call in calls if call["usage"]]
    charged = [record for record in records if record["source"] != "none"]
    await assert_books_agree(tenant, load_catalog(DEFAULT_CATALOG), counted, charged, PAID_IN)
