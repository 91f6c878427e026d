"""Distributes the suite over several workers, for `./dev test` without arguments."""

from pathlib import PurePosixPath

import grpc
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

_STACK = "stack"
_ONE_AT_A_TIME = {"tests/e2e": _STACK, "tests/unit/sdk": _STACK, "tests/unit/local": "local"}
"""Folders whose tests share one stack, one build folder of the clients, or fixed ports."""


class _OneWorkerForEach(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives each module, or each folder of `_ONE_AT_A_TIME`, to one worker, so that its shared fixtures start once.

    xdist's own `loadgroup` does not work here: it writes the group into the node id, which is read-only since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return _OneWorkerForEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the stack's tests first because they take longest; the other workers start with the rest."""
    items.sort(key=lambda item: _group_of(item.nodeid) != _STACK)


def _group_of(nodeid: str) -> str:
    module = PurePosixPath(nodeid.partition("::")[0])
    return next(
        (_ONE_AT_A_TIME[str(folder)] for folder in module.parents if str(folder) in _ONE_AT_A_TIME), str(module)
    )


def pytest_sessionstart() -> None:
    """Keeps gRPC's poller alive through the session.

    If the poller ends between the event loops of two tests and starts again, the second loop may never receive an answer.
    """
    grpc.aio.init_grpc_aio()  # type: ignore[attr-defined] # the stubs do not know it
