"""The documentation names only what exists, and covers everything that a user must know."""

import re
from pathlib import Path

import pytest

from gateway_core.runtime.settings import RateLimitSettings, SettingsError, load_settings
from tests.support.repository import ROOT
from usage_service.audit.check import Check
from usage_service.audit.database import CHECKS

PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("deploy/*/README.md"),
        *ROOT.glob("gateway_core/**/README.md"),
        *ROOT.glob("sdk/*/README.md"),
        *ROOT.glob("tests/*/README.md"),
    }
)


def headings_of(page: Path) -> set[str]:
    """Returns the anchors that a link to the page may name after `#`."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            place = page.parent / target if target else page
            assert place.exists(), target
            assert not heading or heading in headings_of(place), f"{target}#{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_a_page_names_is_accepted(page: Path) -> None:
    named = set(re.findall(r"\bMEGAROUTER_[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    with pytest.raises(SettingsError) as refused:
        load_settings(RateLimitSettings, dict.fromkeys(named, ""))
    assert "unknown settings" not in str(refused.value)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name == "README.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_a_readme_lists_folders_that_exist(page: Path) -> None:
    table = page.read_text(encoding="utf-8").partition("## Folders\n")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            assert (page.parent / name).exists() or (page.parent / f"{name}.py").exists(), name


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_of_the_audit_is_documented(check: Check) -> None:
    page = (ROOT / "docs" / "guides" / "audit.md").read_text(encoding="utf-8")
    assert f"| `{check.name}` | {check.invariants.replace(' ', ', ')} | {check.promise} |" in page


def avoided_words() -> list[str]:
    """Returns the left column of the style guide's last table of words."""
    table = (ROOT / "docs" / "style.md").read_text(encoding="utf-8").partition("| word | use |")[2].partition("\n\n")[0]
    return re.findall(r"^\| ([a-z][a-z' -]+) \|", table, re.MULTILINE)


WRITTEN = [*PAGES, *ROOT.glob("protos/megarouter/**/*.proto"), *ROOT.glob("sdk/python/src/*/command_line/**/*.py")]


def test_no_text_has_a_word_that_the_style_guide_avoids() -> None:
    avoided = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in avoided_words()))
    texts = {path: prose_of(path) for path in WRITTEN if path.name != "style.md"}
    assert {path: found for path, text in texts.items() if (found := avoided.findall(text))} == {}


def prose_of(path: Path) -> str:
    return " ".join(re.sub(r"`[^`\n]+`", "", path.read_text(encoding="utf-8")).lower().split())


def test_the_style_guide_lists_words_to_avoid() -> None:
    assert {"told", "oneself", "on the books"} <= set(avoided_words())


def test_the_readme_opens_with_what_it_is_and_the_two_commands() -> None:
    before, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("```sh\n")
    assert len(re.findall(r"\.(?:\s|$)", before)) == 2
    commands = [line.split("#")[0].strip() for line in rest.partition("```")[0].splitlines()]
    assert commands == ["./dev up", "./dev test"]


def test_the_files_that_the_architecture_page_says_to_open_exist() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|lua))`", page)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_test_that_a_page_names_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 20
    assert named - defined == set()
