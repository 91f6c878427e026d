"""How the suite is shared between two workers: `./dev test` without arguments."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


_STACK = "stack"
_ONE_AT_A_TIME = {("e2e",): _STACK, ("unit", "sdk"): _STACK, ("unit", "local"): "local"}
"""The stack is started once, the clients are built into one folder, and the runner's own tests have fixed ports."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker has the stack's tests, which come first because they take longest; the other begins with the rest.

    A property runs in one piece: its module starts servers of its own.
    """
    groups = {id(item): _group_of(item.path.relative_to(TESTS)) for item in items}
    for item in items:
        if group := groups[id(item)]:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: groups[id(item)] != _STACK)


def _group_of(path: Path) -> str | None:
    if path.parts[0] == "property":
        return path.stem
    return next((group for folders, group in _ONE_AT_A_TIME.items() if path.parts[: len(folders)] == folders), None)
