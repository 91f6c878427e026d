"""The real stack, a bare Envoy beside it, and the table of figures."""

from collections.abc import Iterator

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import free_port_base
from tests.security.attack import FIGURES
from tests.security.bare_envoy import BareEnvoy, bare_envoy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("customers under attack")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), free_port_base()) as running:
        yield running


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareEnvoy]:
    base = free_port_base()
    with bare_envoy(tmp_path_factory.mktemp("bare"), base, base + 1) as running:
        yield running
