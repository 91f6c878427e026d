"""The documentation names what exists, and everything a person must know is in it."""

import re
from pathlib import Path

import pytest

from gateway_core.edges.settings import RateLimitSettings, SettingsError, load_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("deploy/*/README.md"),
        *ROOT.glob("sdk/*/README.md"),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_a_page_names_is_accepted(page: Path) -> None:
    named = set(re.findall(r"\bMEGAROUTER_[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    with pytest.raises(SettingsError) as refused:
        load_settings(RateLimitSettings, dict.fromkeys(named, ""))
    assert "unknown settings" not in str(refused.value)


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line]
    assert lines[1] == "```sh"
    assert [line.split("#")[0].strip() for line in lines[2:4]] == ["./dev up", "./dev test"]
