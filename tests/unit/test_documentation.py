"""The documentation names what exists, and everything a person must know is in it."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.runtime.settings import AdminSettings, AuthzSettings, RateLimitSettings, UsageSettings
from tests.support.repository import ROOT

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


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_refusal_is_explained_with_its_status(reason: RefusalReason) -> None:
    text = (ROOT / "docs" / "calling-models.md").read_text(encoding="utf-8")
    assert f"| {Refusal(reason, '').status} | `{reason}`" in text


@pytest.mark.parametrize("settings", [AuthzSettings, RateLimitSettings, UsageSettings, AdminSettings])
def test_every_setting_is_documented_with_its_default(settings: type[AuthzSettings]) -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for name, field in settings.model_fields.items():
        row = re.search(rf"\| `MEGAROUTER_{name.upper()}` \| [^|]+ \| ([^|]+) \|", text)
        assert row, name
        expected = "required" if field.default is PydanticUndefined else f"`{field.default}`"
        assert row[1].strip() == expected, name


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line]
    assert lines[1] == "```sh"
    assert [line.split("#")[0].strip() for line in lines[2:4]] == ["./dev up", "./dev test"]
