"""What the example and the README of every client of the admin API print."""

import re
from pathlib import Path

EXAMPLE_SHOWS = (
    r"organizations/acme/apiKeys/ben-disabled .*DISABLED",
    r"organizations/acme/apiKeys/emma-default .*ACTIVE",
    r"disabled organizations/acme/apiKeys/",
    r"enabled organizations/acme/apiKeys/",
    r"refused: PERMISSION_DENIED, needs api_keys:read",
)
PAGE_SHOWS = (r"organizations/acme/apiKeys/emma-default", r"FIELD_INVALID.*amount_nano_credits", r"acme/creditBalance")


def code_of(page: Path, language: str) -> str:
    """Returns the only code of a language in a page."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def assert_shows(output: str, expected: tuple[str, ...]) -> None:
    """Asserts that the output contains the patterns in this order."""
    position = 0
    for pattern in expected:
        found = re.compile(pattern).search(output, position)
        assert found, (pattern, output)
        position = found.start()
