"""How the suite is shared between several workers: `./dev test` without arguments."""

from pathlib import PurePosixPath

import grpc
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

_STACK = "stack"
_ONE_AT_A_TIME = {"tests/e2e": _STACK, "tests/unit/sdk": _STACK, "tests/unit/local": "local"}
"""The stack is started once, the clients are built into one folder, and the runner's own tests have fixed ports."""


class _OneWorkerForEach(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a module, or a folder of `_ONE_AT_A_TIME`, to one worker: what it shares is started once.

    Not xdist's own `loadgroup`: it writes the group into a node id, which pytest has kept read-only since 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return _OneWorkerForEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stack's tests come first because they take longest; the others begin with the rest."""
    items.sort(key=lambda item: _group_of(item.nodeid) != _STACK)


def _group_of(nodeid: str) -> str:
    module = PurePosixPath(nodeid.partition("::")[0])
    return next(
        (_ONE_AT_A_TIME[str(folder)] for folder in module.parents if str(folder) in _ONE_AT_A_TIME), str(module)
    )


def pytest_sessionstart() -> None:
    """Keeps gRPC's poller through the session. One that ends and begins anew between the event loops of two tests has been seen to
    leave the second without answers, for ever.
    """
    grpc.aio.init_grpc_aio()  # type: ignore[attr-defined] # the stubs do not know it
