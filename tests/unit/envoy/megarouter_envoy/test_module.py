"""Finding and compiling Envoy's module."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from pathlib import Path

import pytest
from megarouter_envoy import module
from megarouter_envoy.module import ModuleNotBuiltError, find_module

Checkout = Callable[[str], None]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout with one source file that uses this repository's compiler and cache."""
    compiler = next(module.REPOSITORY.glob(module.COMPILER))
    cache = module.REPOSITORY / module.COMPILER_CACHE
    cache.mkdir(exist_ok=True)
    (tmp_path / module.COMPILER_CACHE).parent.mkdir()
    (tmp_path / module.COMPILER_CACHE).symlink_to(cache)
    monkeypatch.delenv(module.MODULE_SETTING, raising=False)
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    monkeypatch.setattr(module, "SOURCES", tmp_path / "sources")
    monkeypatch.setattr(module, "find_compiler", lambda: compiler)
    (tmp_path / "sources").mkdir()

    def write(source: str) -> None:
        (tmp_path / "sources" / "module.zig").write_text(source)

    return write


def test_a_precompiled_module_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module.so").touch()
    monkeypatch.setenv(module.MODULE_SETTING, str(tmp_path / "module.so"))
    assert find_module() == tmp_path / "module.so"


def test_a_missing_precompiled_module_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.MODULE_SETTING, str(tmp_path / "no-module"))
    with pytest.raises(ModuleNotBuiltError, match="no-module, which MEGAROUTER_ENVOY_MODULE names"):
        find_module()


def test_the_error_for_a_missing_compiler_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.MODULE_SETTING, raising=False)
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    with pytest.raises(ModuleNotBuiltError, match=r"run \./dev"):
        find_module()


def test_a_compile_error_is_shown(checkout: Checkout, tmp_path: Path) -> None:
    checkout("export fn one() c_int { return nothing; }")
    with pytest.raises(ModuleNotBuiltError, match="use of undeclared identifier 'nothing'"):
        find_module()
    assert not list(tmp_path.glob(f"{module.COMPILED}/*"))


def test_concurrent_builds_share_a_module_and_other_sources_get_another(checkout: Checkout) -> None:
    checkout("export fn number() c_int { return 1; }")
    with ThreadPoolExecutor() as pool:
        first, second = (future.result() for future in [pool.submit(find_module) for _ in range(2)])
    assert first == second
    assert CDLL(str(first)).number() == 1
    checkout("export fn number() c_int { return 2; }")
    assert CDLL(str(find_module())).number() == 2
