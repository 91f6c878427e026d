"""Reads the docstrings of attributes and constants, which Python does not keep: the text after an assignment."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType


def attribute_docstrings(documented: type) -> dict[str, str]:
    """Returns the docstring of each attribute by name, on one line.

    Reads the class and those of its bases that belong to this project. A class overrides its bases.

    Raises:
        OSError: the source of a class cannot be read.
    """
    found: dict[str, str] = {}
    for each in reversed(documented.__mro__):
        if each.__module__.partition(".")[0] not in {"pydantic", *sys.stdlib_module_names}:
            found |= dict(_pairs(each))
    return found


def constant_docstrings(module: ModuleType) -> dict[str, str]:
    """Returns the docstring of each constant of a module by name, on one line.

    Raises:
        OSError: the source of the module cannot be read.
    """
    return dict(_documented(ast.parse(inspect.getsource(module)).body))


def _pairs(documented: type) -> list[tuple[str, str]]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(documented))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - it is the source of a class
    return _documented(tree.body)


def _documented(body: Sequence[ast.stmt]) -> list[tuple[str, str]]:
    pairs = []
    for node, following in pairwise(body):
        target = _target(node)
        if target and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            pairs.append((target, " ".join(str(following.value.value).split())))
    return pairs


def _target(node: ast.stmt) -> str:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""
