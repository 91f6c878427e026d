"""The committed build of the console: what it is made from, its size, its types and the tests of its parts."""

import gzip
import json
import re
from pathlib import Path

import pytest

from tests.support.clients.console import run_tests
from tools.console.building import BUILD, CONSOLE, SOURCE_FILE, build, check

pytestmark = pytest.mark.timeout(600)
FIRST_LOAD_MAX_BYTES = 226_000
HOME_MAX_BYTES = 312_000


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_building_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    build(tmp_path / "dist")
    again, committed = files_of(tmp_path / "dist"), files_of(BUILD)
    assert sorted(again) == sorted(committed), "run ./dev console --build and commit console/dist"
    assert again == committed


def size_of(files: set[str]) -> int:
    return sum((BUILD / f"{name}.gz").stat().st_size for name in files)


def first_load() -> set[str]:
    """The page, and what it names: the script, the styles and the icon."""
    page = gzip.decompress((BUILD / "index.html.gz").read_bytes()).decode()
    named = re.findall(r'/console/(assets/[^"]+)', page)
    assert len(named) == 3
    return {"index.html", *named}


def with_imports(files: set[str]) -> set[str]:
    """The scripts `files`, and those that they import before they run."""
    found: set[str] = set()
    waiting = list(files)
    while waiting:
        name = waiting.pop()
        found.add(name)
        script = gzip.decompress((BUILD / f"{name}.gz").read_bytes()).decode()
        imported = {f"assets/{file}" for file in re.findall(r'(?:from|import)"\./([^"]+\.js)"', script)}
        waiting += imported - found
    return found


def chunk(page: str) -> str:
    [file] = (BUILD / "assets").glob(f"{page}-*.js.gz")
    return f"assets/{file.stem}"


def test_the_first_load_stays_within_its_budget() -> None:
    """Pages load their own code later."""
    assert size_of(first_load()) <= FIRST_LOAD_MAX_BYTES


def test_home_stays_within_its_budget() -> None:
    """All that a person loads to see the first page after the sign-in."""
    assert size_of(first_load() | with_imports({chunk("Shell"), chunk("Home")})) <= HOME_MAX_BYTES


def test_a_page_brings_its_own_texts() -> None:
    """The first load has no text that only pages show."""
    [script] = [name for name in first_load() if name.endswith(".js")]
    first = gzip.decompress((BUILD / f"{script}.gz").read_bytes()).decode()
    home = gzip.decompress((BUILD / f"{chunk('Home')}.gz").read_bytes()).decode()
    assert "Sign in to MegaRouter" in first
    assert "登录 MegaRouter" in first
    assert "Top movers" in home
    assert "Top movers" not in first


def test_the_types_are_right() -> None:
    check()


def test_the_parts_do_what_they_should() -> None:
    run_tests(timeout_s=300)


def test_the_versions_shared_with_the_client_are_the_same() -> None:
    console, client = (
        json.loads((folder / "package.json").read_text(encoding="utf-8"))
        for folder in (CONSOLE, CONSOLE.parent / "sdk" / "typescript")
    )
    ours = console["dependencies"] | console["devDependencies"]
    theirs = client["dependencies"] | client["devDependencies"]
    shared = ours.keys() & theirs.keys()
    assert "typescript" in shared
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


def test_the_build_says_what_it_was_made_from() -> None:
    assert set(json.loads((BUILD / SOURCE_FILE).read_text(encoding="utf-8"))) == {"source"}
