"""Distributes the suite over several workers, for `./dev test` without arguments."""

import os
from pathlib import PurePosixPath

import grpc
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

_STACK = "stack"
_STACK_FOR_PEOPLE = _STACK if "MEGAROUTER_TEST_HOME" in os.environ else "stack for people"
"""Two stacks cannot share the home that `./dev test --home` names."""
_METERED_STACK = "metered stack"
_STACK_WITH_DEPLOYMENTS = "stack with deployments"
_STACKS_OF_THEIR_OWN = _STACK if "MEGAROUTER_TEST_HOME" in os.environ else "stacks of their own"
_ONE_AT_A_TIME = {
    "tests/e2e/admin": _STACK_FOR_PEOPLE,
    "tests/e2e/clients": _STACK_FOR_PEOPLE,
    "tests/e2e/metering/test_usage_answers.py": _STACK,
    "tests/e2e/metering": _METERED_STACK,
    "tests/e2e/deployments": _STACK_WITH_DEPLOYMENTS,
    "tests/e2e/live": _STACKS_OF_THEIR_OWN,
    "tests/e2e/running": _STACKS_OF_THEIR_OWN,
    "tests/e2e": _STACK,
    "tests/unit/sdk/test_other_languages.py": _STACK_FOR_PEOPLE,
    "tests/unit/architecture": "architecture",
}
"""Folders and modules whose tests share one stack, one build folder of the clients, or the parsed source."""
_FIRST = (_STACK, _STACKS_OF_THEIR_OWN, _STACK_FOR_PEOPLE, _METERED_STACK, _STACK_WITH_DEPLOYMENTS)


class _OneWorkerForEach(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives each module, or each group of `_ONE_AT_A_TIME`, to one worker, so that its shared fixtures start once.

    xdist's own `loadgroup` does not work here: it writes the group into the node id, which is read-only since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return _OneWorkerForEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the stacks' tests first because they take longest."""
    items.sort(key=lambda item: _FIRST.index(group) if (group := _group_of(item.nodeid)) in _FIRST else len(_FIRST))


def _group_of(nodeid: str) -> str:
    module = PurePosixPath(nodeid.partition("::")[0])
    return next(
        (_ONE_AT_A_TIME[str(place)] for place in (module, *module.parents) if str(place) in _ONE_AT_A_TIME), str(module)
    )


def pytest_sessionstart() -> None:
    """Keeps gRPC's poller alive through the session.

    If the poller ends between the event loops of two tests and starts again, the second loop may never receive an answer.
    """
    grpc.aio.init_grpc_aio()  # type: ignore[attr-defined] # the stubs do not know it
