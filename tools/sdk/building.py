"""Which clients there are, how each is built, and where its tests are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tools.sdk import go, java, packages
from tools.sdk.running import ClientError

_SUITE_TESTS: Final = "tests/e2e/clients/test_admin_clients.py"
_TESTS: Final = {
    "python": _SUITE_TESTS,
    "typescript": _SUITE_TESTS,
    "go": "tests/sdks/test_go.py",
    "java": "tests/sdks/test_java.py",
}
_DEFAULT: Final = ("python", "typescript")


def build(names: Sequence[str]) -> list[Path]:
    """Builds the clients of these languages; those for Python and TypeScript if there are none. Returns their files.

    Raises:
        ClientError: there is no such client, a program is missing, or a step failed.
    """
    chosen = _checked(names)
    builders: dict[str, Callable[[], list[Path]]] = {
        "python": packages.build_clients,
        "typescript": packages.build_clients,
        "go": lambda: [go.build()],
        "java": lambda: [java.build()],
    }
    return [package for builder in dict.fromkeys(builders[name] for name in chosen) for package in builder()]


def tests(names: Sequence[str]) -> list[str]:
    """Returns the modules with the tests of these clients."""
    return list(dict.fromkeys(_TESTS[name] for name in _checked(names)))


def _checked(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in _TESTS:
            raise ClientError(f"there is no client for {name}; choose from {', '.join(_TESTS)}")
    return names or _DEFAULT
