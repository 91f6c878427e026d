from collections.abc import Iterator

import pytest

from tests.support.servers.mock_process import MockProcess, running_mock


@pytest.fixture(scope="session")
def mock_process() -> Iterator[MockProcess]:
    with running_mock() as mock:
        yield mock


@pytest.fixture
def mock(mock_process: MockProcess) -> MockProcess:
    """The running mock provider with an empty tally."""
    mock_process.reset()
    return mock_process
