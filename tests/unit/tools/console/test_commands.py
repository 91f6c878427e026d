"""The commands that the console shows exist."""

import re

from tests.support.repository import ROOT
from tools.console.building import CONSOLE

REFERENCE = ROOT / "docs" / "reference" / "command-line.md"


def test_every_command_that_a_page_shows_is_in_the_reference() -> None:
    pages = [file.read_text(encoding="utf-8") for file in sorted((CONSOLE / "src").rglob("*.tsx"))]
    shown = {command for page in pages for command in re.findall(r'["`](megarouter [a-z-]+ [a-z-]+)(?![a-z.-])', page)}
    reference = REFERENCE.read_text(encoding="utf-8")
    assert len(shown) > 5
    assert {command for command in shown if command not in reference} == set()
