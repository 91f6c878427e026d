"""Text that pages can show."""

import pytest

from admin_service.analytics.reports.glyphs import shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [("Ada", "Ada"), ("a\r\nb\t c\u2028d", "a b c d"), ("a\u202eb\u2066c\u200fd\u200b", "abcd"), ("e\u0301", "é"),
     ("\ue000\U0001fae9", "□□"),
     ("👩🏽‍🔬 مرحبا 研究", "👩🏽‍🔬 مرحبا 研究"), ("\x00\x1b[31m", "[31m"), ("  ", "")],
)  # fmt: skip
def test_controls_go_and_unknown_characters_become_boxes(text: str, seen: str) -> None:
    assert shown(text) == seen
