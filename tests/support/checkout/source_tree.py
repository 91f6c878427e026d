"""The source of the project as a graph of modules and their imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.repository import ROOT

SERVICES = (
    "authz_service",
    "ratelimit_service",
    "usage_service",
    "admin_service",
    "notification_service",
    "token_service",
)
SHIPPED = ("gateway_core", *SERVICES, "envoy/megarouter_envoy", "sdk/python/src")
"""The folders that customers run."""
NOT_SHIPPED = ("deploy", "mock_provider", "tools", "benchmarks", "tests")
FOLDERS = (*SHIPPED, *NOT_SHIPPED, "sdk/python/examples")

_IMPORT_ROOTS = ("envoy/", "sdk/python/src/", "")
"""Folders from which Python imports, longest first."""


def _modules() -> dict[str, Path]:
    return {dotted(path): path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


def name_of(path: Path) -> str:
    """Returns the path relative to the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    """Returns the dotted name under which a file is imported."""
    name = name_of(path).removesuffix(".py").removesuffix("/__init__")
    prefix = next(prefix for prefix in _IMPORT_ROOTS if name.startswith(prefix))
    return name.removeprefix(prefix).replace("/", ".")


MODULES = _modules()
"""Every module by its dotted name."""
OURS = frozenset({*(name.partition(".")[0] for name in MODULES), "megarouter"})
"""Top-level names of this project. `megarouter` is the code generated from the protos."""


def modules_below(*folders: str) -> list[Path]:
    """Returns the files in some folders, in a fixed order."""
    return [path for path in MODULES.values() if name_of(path).startswith(tuple(f"{folder}/" for folder in folders))]


@cache
def tree_of(path: Path) -> ast.Module:
    """Returns the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Returns the dotted names of all imports in a file: for `from a import b`, `a.b` if that is a module, otherwise `a`."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in MODULES else node.module or ""


def named_packages(path: Path) -> frozenset[str]:
    """Returns the packages that a file names in a string, as in `importlib.resources.files("a.b")` or `import_module("a.b")`."""
    return frozenset(
        argument.value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and _called(node.func) in {"files", "import_module", "find_spec", "as_file"}
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def is_inside(module: str, *packages: str) -> bool:
    """Returns whether a dotted name is one of these packages or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def reached_from(package: str) -> frozenset[str]:
    """Returns every module of this project that the modules of a package import, directly or indirectly."""
    waiting = [name for name in MODULES if is_inside(name, package)]
    seen = set(waiting)
    while waiting:
        for module in imports_of(MODULES[waiting.pop()]):
            if module in MODULES and module not in seen:
                seen.add(module)
                waiting.append(module)
    return frozenset(seen)
