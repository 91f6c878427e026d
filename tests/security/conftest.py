"""The real stack with two organizations, and the table of attacks."""

from collections import Counter

import asyncpg
import pytest

from tests.e2e.conftest import base_url, database, identity_provider, pepper, post, session, settled, stack, witness
from tests.support.attacks import secrets_shown
from tests.support.data.tenants import Tenant, make_tenant

__all__ = ["base_url", "database", "identity_provider", "pepper", "post", "session", "settled", "stack", "witness"]

_RESULTS: dict[str, Counter[str]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Counts each attack by the module that has it."""
    if "tests/security/" in report.nodeid and (report.when == "call" or report.failed):
        module = report.nodeid.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")
        _RESULTS.setdefault(module, Counter())[report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _RESULTS:
        terminalreporter.section("attacks")
        terminalreporter.write_line(f"{'':20} {'tried':>6} {'held':>6} {'failed':>6}")
        for module, counts in _RESULTS.items():
            terminalreporter.write_line(
                f"{module:20} {counts.total():6} {counts['passed']:6} {counts.total() - counts['passed']:6}"
            )


@pytest.fixture
async def tenant(database: asyncpg.Pool, pepper: bytes) -> Tenant:
    """An organization for this test alone. Its key is remembered, so that the last test can look for it in what was written."""
    made = await make_tenant(database, pepper)
    secrets_shown.remember(made.key)
    return made
