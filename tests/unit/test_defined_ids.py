"""Every invariant and failure id in code, tests and pages is defined exactly once, and every defined id is used."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INVARIANTS = ROOT / "docs" / "concepts" / "invariants.md"
FAILURES = ROOT / "docs" / "concepts" / "failure-modes.md"
TEXTS = (".lua", ".md", ".proto", ".py", ".sql", ".toml", ".yaml", ".zig")
NOT_OURS = {"corpus", "dist", "gen", "generated", "node_modules"}
INVARIANT = r"\bINV-(?:envoy-\d+|\d+)\b"
CODE = r"[A-K]\d{1,2}"
FAULTS = rf"(?i:\bfaults?) ({CODE}(?:(?:, | and | to |, and ){CODE})*)"


@cache
def texts() -> dict[Path, str]:
    """Returns every text of the project, except for this file, generated and installed files, and deliberately invalid input."""
    found = {}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in NOT_OURS]
        for path in (Path(folder, name) for name in names if name.endswith(TEXTS)):
            if path != Path(__file__):
                found[path] = path.read_text(encoding="utf-8")
    return found


def named_faults(text: str) -> Iterator[str]:
    """Returns the codes in texts such as `fault B1`, `faults B4, C6` and `faults F4 to F8`, with ranges expanded."""
    for listed in re.findall(FAULTS, text):
        for part in re.split(r", and |, | and ", listed):
            first, _, last = part.partition(" to ")
            numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
            yield from (f"{first[0]}{number}" for number in numbers)


def defined(page: Path, form: str) -> list[str]:
    return re.findall(rf"^\| ({form}) \|", page.read_text(encoding="utf-8"), re.MULTILINE)


def used_invariants(*, outside: Path) -> set[str]:
    return {name for path, text in texts().items() if path != outside for name in re.findall(INVARIANT, text)}


def used_faults(*, outside: Path) -> set[str]:
    return {code for path, text in texts().items() if path != outside for code in named_faults(text)}


@pytest.mark.parametrize(("page", "form"), [(INVARIANTS, INVARIANT), (FAILURES, CODE)])
def test_an_id_is_defined_once(page: Path, form: str) -> None:
    names = defined(page, form)
    assert len(names) > 15
    assert len(names) == len(set(names))


def test_used_and_defined_invariants_are_the_same() -> None:
    assert used_invariants(outside=INVARIANTS) == set(defined(INVARIANTS, INVARIANT))


def test_used_and_defined_faults_are_the_same() -> None:
    assert used_faults(outside=FAILURES) == set(defined(FAILURES, CODE))


def test_no_text_refers_to_a_section_of_a_document_outside_the_repository() -> None:
    assert [path.relative_to(ROOT) for path, text in texts().items() if re.search(r"(?i)\bdesign §", text)] == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("(fault B1)", {"B1"}),
        ("Faults F2, G3", {"F2", "G3"}),
        ("faults F4 to F8", {"F4", "F5", "F6", "F7", "F8"}),
        ("faults B4, C6 and C7", {"B4", "C6", "C7"}),
        ("default C1", set()),
    ],
)
def test_codes_are_found_after_the_word_fault(text: str, codes: set[str]) -> None:
    assert set(named_faults(text)) == codes
