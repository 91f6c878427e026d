"""Names that stay in their line and their direction."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.api.display_names import is_display_name


@pytest.mark.parametrize(
    "name",
    [
        "Platform & Tools",
        "Zoë Müller",
        "田中 太郎",
        "דוד כהן",
        "می\u200cخواهم",  # noqa: RUF001 - Persian needs the zero-width non-joiner
        "क्\u200dष",
        "Team \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "❤\ufe0f",
        "한글",
        "I <3 tests",
        "a < b > c",
    ],
)
def test_a_name_of_any_script_is_accepted(name: str) -> None:
    assert is_display_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[31mred",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "\u2066a",
        "a\u200f",
        "a\u200bb",
        "a\u2060b",
        "a\ufeffb",
        "a\u00adb",
        "\u3164",
        "\u2800",
        "a\u200db",
        "\u200d田",
        "田\u200c",
        "田\u200d\u200d中",
        "a\U000e0041",
        "<b>Team</b>",
        "x<img src=x onerror=alert(1)>",
        "</td>",
        "<!-- ",
        "田中<script>",
    ],
)
def test_a_name_that_breaks_its_line_turns_it_or_hides_something_is_refused(name: str) -> None:
    assert not is_display_name(name)


@given(st.text())
def test_an_accepted_name_has_no_mark_of_direction(name: str) -> None:
    if is_display_name(name):
        marks = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B"}
        assert not [sign for sign in name if unicodedata.bidirectional(sign) in marks]
