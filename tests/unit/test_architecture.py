"""The shape of the house, kept by a test: who may import whom, how long things may be, where names are pinned."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("authz_service", "ratelimit_service", "usage_service", "admin_service")
PACKAGES = (
    "gateway_core",
    *SERVICES,
    "deploy",
    "envoy/megarouter_envoy",
    "protos",
    "sdk/python/src",
    "sdk/python/examples",
    "tests",
)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OURS = frozenset(
    {"gateway_core", *SERVICES, "deploy", "megarouter_admin", "megarouter_envoy", "megarouter", "protos", "tests"}
)

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 70
# These lists may only shrink.
LONG_MODULES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()

DOMAIN_PARTS = frozenset({"pydantic", "yaml"})
"""All that the domain uses beside the standard library: it can be read, run and tested without any of the edges."""

NAMES_THAT_SAY_NOTHING = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "shared", "base_utils"})


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, wherever in it; relative imports are not in use."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            yield node.module or ""


def modules_below(*folders: str) -> list[Path]:
    return [path for path in MODULES if name_of(path).startswith(tuple(f"{folder}/" for folder in folders))]


def lies_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def parametrize_modules(*folders: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", modules_below(*folders), ids=name_of)


def test_the_modules_looked_at_are_there() -> None:
    names = {name_of(path) for path in MODULES}
    assert {
        "gateway_core/domain/money.py",
        "gateway_core/edges/settings.py",
        "gateway_core/domain/decision.py",
    } <= names
    assert len(names) > 60


@parametrize_modules("gateway_core/domain")
def test_the_domain_imports_only_itself(path: Path) -> None:
    for module in imports_of(path):
        top = module.partition(".")[0]
        assert lies_in(module, "gateway_core.domain") or top in DOMAIN_PARTS or top in sys.stdlib_module_names, module


@parametrize_modules("gateway_core/edges")
def test_the_edges_import_no_service(path: Path) -> None:
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or lies_in(module, "gateway_core"), module


@parametrize_modules(*SERVICES)
def test_a_service_imports_of_ours_only_itself_the_core_and_generated_code(path: Path) -> None:
    service = name_of(path).partition("/")[0]
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or lies_in(module, service, "gateway_core", "megarouter"), module


@parametrize_modules("deploy/mock_provider")
def test_the_mock_provider_knows_nothing_of_the_gateway(path: Path) -> None:
    """Its tally is the other side of the books."""
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or lies_in(module, "deploy.mock_provider"), module


@parametrize_modules("sdk/python")
def test_the_python_client_imports_of_ours_only_itself_and_generated_code(path: Path) -> None:
    """It is installed where nothing else of ours is."""
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or lies_in(module, "megarouter_admin", "megarouter"), module


@parametrize_modules("gateway_core/domain")
def test_the_domain_reaches_for_no_clock_no_randomness_and_no_environment(path: Path) -> None:
    """They are passed in. Only the catalogue reads a file, which is named to it."""
    assert not {"os", "random", "secrets", "time", "uuid", "socket", "asyncio", "threading"} & set(imports_of(path))
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}), node.lineno


def test_modules_are_short() -> None:
    long = {name_of(path) for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES}
    assert long == LONG_MODULES


def test_functions_are_short() -> None:
    long = {
        f"{name_of(path)}:{node.name}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == LONG_FUNCTIONS


def test_the_names_of_genai_telemetry_stand_in_one_module() -> None:
    places = {
        name_of(path)
        for path in MODULES
        if not name_of(path).startswith("tests/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\bgen_ai\.", node.value)
    }
    assert places == {"gateway_core/edges/telemetry/semconv.py"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not NAMES_THAT_SAY_NOTHING & parts


@pytest.mark.parametrize("readme", ["gateway_core/README.md", "authz_service/README.md"])
def test_a_readme_names_only_invariants_that_code_or_tests_name_too(readme: str) -> None:
    """A promise can be followed by its id from the page to where it is kept."""
    named = set(re.findall(r"INV-\d\d", (ROOT / readme).read_text(encoding="utf-8")))
    sources = [path for path in (*MODULES, *ROOT.glob("deploy/migrations/*.sql")) if path != Path(__file__)]
    kept = {name for path in sources for name in re.findall(r"INV-\d\d", path.read_text(encoding="utf-8"))}
    assert named
    assert named <= kept
