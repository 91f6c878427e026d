"""Limits on the length of modules and functions and on the size of folders, and rules for names and places of tests."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.checkout.source_tree import MODULES, is_inside, name_of, tree_of
from tests.support.repository import ROOT

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 70
MAX_FOLDER_MODULES = 12

# These lists may only shrink.
LONG_MODULES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()
FULL_FOLDERS: frozenset[str] = frozenset()

NAMES_THAT_SAY_NOTHING = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "shared", "base_utils"})

MIRRORED = ("unit", "contract", "property")
"""Kinds of tests whose folders mirror the source."""
SOURCE_OF = {
    "envoy/module/rewriter": "envoy/module",
    "sdk/command_line": "sdk/python/src/megarouter_admin/command_line",
    "sdk/command_line/resources/deployment": "sdk/python/src/megarouter_admin/command_line/resources/deployment",
    "sdk/command_line/resources/exports": "sdk/python/src/megarouter_admin/command_line/resources/exports",
    "sdk/command_line/resources/routing": "sdk/python/src/megarouter_admin/command_line/resources/routing",
    "sdk/command_line/resources/usage": "sdk/python/src/megarouter_admin/command_line/resources/usage",
    "sdk/command_line/resources/people": "sdk/python/src/megarouter_admin/command_line/resources/people",
    "sdk/command_line/sign_in": "sdk/python/src/megarouter_admin/command_line/sign_in",
    "support": "tests/support",
    "support/servers": "tests/support/servers",
}
NO_SOURCE = frozenset({"", "architecture"})
"""Folders of tests that concern the whole project."""


def test_modules_are_short() -> None:
    long = {name_of(path) for path in MODULES.values() if len(path.read_text("utf-8").splitlines()) > MAX_MODULE_LINES}
    assert long == LONG_MODULES


def test_functions_are_short() -> None:
    long = {
        f"{name_of(path)}:{node.name}"
        for path in MODULES.values()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == LONG_FUNCTIONS


def test_a_folder_holds_at_most_twelve_modules() -> None:
    counts = Counter(name_of(path.parent) for path in MODULES.values() if not path.name.startswith("__"))
    full = {folder for folder, count in counts.items() if count > MAX_FOLDER_MODULES}
    assert full == FULL_FOLDERS


def test_no_module_has_a_meaningless_name() -> None:
    parts = {part for path in MODULES.values() for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not NAMES_THAT_SAY_NOTHING & parts


@pytest.mark.parametrize("kind", MIRRORED)
def test_the_folders_of_tests_mirror_the_source(kind: str) -> None:
    folders = {
        path.parent.relative_to(ROOT / "tests" / kind).as_posix().removeprefix(".")
        for path in (ROOT / "tests" / kind).rglob("test_*.py")
    }
    missing = {folder for folder in folders - NO_SOURCE if not (ROOT / SOURCE_OF.get(folder, folder)).is_dir()}
    assert not missing


def test_the_names_of_genai_telemetry_are_in_one_module() -> None:
    places = {
        name
        for name, path in MODULES.items()
        if not is_inside(name, "tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\bgen_ai\.", node.value)
    }
    assert places == {"gateway_core.runtime.telemetry.semconv"}


@pytest.mark.parametrize("readme", ["gateway_core/README.md", "authz_service/README.md"])
def test_a_readme_names_only_invariants_that_code_or_tests_name(readme: str) -> None:
    """Readers can follow the id of an invariant from the page to the code that keeps it."""
    named = set(re.findall(r"INV-\d\d", (ROOT / readme).read_text("utf-8")))
    sources: list[Path] = [
        *MODULES.values(),
        *ROOT.glob("deploy/migrations/*.sql"),
        *ROOT.glob("gateway_core/schema/**/*.sql"),
    ]
    kept = {
        name for path in sources if path != Path(__file__) for name in re.findall(r"INV-\d\d", path.read_text("utf-8"))
    }
    assert named
    assert named <= kept
