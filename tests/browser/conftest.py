"""Builds the console, and starts a stack with a month of calls for its tests."""

from collections.abc import Iterator

import pytest

from deploy.local.cli.demo_data import load_demo_data
from deploy.local.supervision.embedded_stack import Stack
from tests.support.ports import free_port_base
from tools.console.building import prepare


@pytest.fixture(scope="package", autouse=True)
def _packages() -> None:
    prepare()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), free_port_base()) as running:
        load_demo_data(running.home, year=False)
        yield running
