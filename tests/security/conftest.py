"""The real stack, a bare Envoy beside it, and the tables of attacks and figures."""

from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest

from tests.e2e.conftest import base_url, database, identity_provider, pepper, post, session, settled, stack, witness
from tests.security.attack import FIGURES, HEAD
from tests.security.bare_envoy import BareEnvoy, bare_envoy
from tests.support.attacks import secrets_shown
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.ports import free_port_base

__all__ = ["base_url", "database", "identity_provider", "pepper", "post", "session", "settled", "stack", "witness"]

_RESULTS: dict[str, Counter[str]] = {}
_FIGURES: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Counts each attack by the module that has it."""
    if "tests/security/" in report.nodeid and (report.when == "call" or report.failed):
        module = report.nodeid.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")
        _RESULTS.setdefault(module, Counter())[report.outcome] += 1
    if report.when == "call":
        _FIGURES.extend(
            line for name, text in report.user_properties if name == FIGURES for line in str(text).splitlines()
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FIGURES:
        terminalreporter.section("customers under attack")
        for line in (HEAD, *_FIGURES):
            terminalreporter.write_line(line)
    if _RESULTS:
        terminalreporter.section("attacks")
        terminalreporter.write_line(f"{'':20} {'tried':>6} {'held':>6} {'failed':>6}")
        for module, counts in _RESULTS.items():
            tried, held = counts.total(), counts["passed"]
            terminalreporter.write_line(f"{module:20} {tried:6} {held:6} {tried - held:6}")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareEnvoy]:
    base = free_port_base()
    with bare_envoy(tmp_path_factory.mktemp("bare"), base, base + 1) as running:
        yield running


@pytest.fixture
async def tenant(database: asyncpg.Pool, pepper: bytes) -> Tenant:
    """An organization for this test alone. Its key is remembered, so that the last test can look for it in what was written."""
    made = await make_tenant(database, pepper)
    secrets_shown.remember(made.key)
    return made
