"""A model's text gets its figures only if it states none itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.analytics.writing.templates import MAX_CHARACTERS, Refusal, filled, refusal_of

FIGURES = {"spend_total": "12.50 credits", "top_model": "acme/large-2", "spend_change": "+12 %"}
GOOD = "Spend was {{spend_total}}, a change of {{spend_change}}.\n\nMost went to {{top_model}}."


def test_words_around_placeholders_are_accepted_and_filled() -> None:
    assert refusal_of(GOOD, FIGURES) is None
    assert filled(GOOD, FIGURES) == "Spend was 12.50 credits, a change of +12 %.\n\nMost went to acme/large-2."
    chinese = "支出为 {{spend_total}}，一些调用使用 {{top_model}}。"  # noqa: RUF001
    assert refusal_of(chinese, FIGURES) is None


@pytest.mark.parametrize(
    "words",
    [
        "about 5 of it", "٣ calls", "३ calls", "５ calls", "① calls", "Ⅳ calls", "x² calls", "½ of it", "𝟗 calls",  # noqa: RUF001
        "three calls", "a Thousand calls", "HALF of it", "it doubled", "twice as much", "two-thirds of it", "a dozen calls",
        "三次调用", "一百次", "第二名", "一半", "两倍", "支出翻倍", "〇点五", "壹万",
    ],
)  # fmt: skip
def test_a_number_of_its_own_is_refused(words: str) -> None:
    assert refusal_of(f"{{{{spend_total}}}}: {words}.", FIGURES) is Refusal.NUMBER


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", Refusal.EMPTY),
        (" \n", Refusal.EMPTY),
        ("Spend rose.", Refusal.NO_PLACEHOLDER),
        ("x" * (MAX_CHARACTERS + 1), Refusal.TOO_LONG),
        ("{{spend_total}} and {{balance}}", Refusal.UNKNOWN_PLACEHOLDER),
        ("{{spend_total}} and {{ top_model }}", Refusal.UNKNOWN_PLACEHOLDER),
        ("{{spend_total}} and {top_model}", Refusal.UNKNOWN_PLACEHOLDER),
        ("{{spend_total}} and {{{top_model}}}", Refusal.UNKNOWN_PLACEHOLDER),
        ("{{spend_total}} and ｛｛top_model｝｝", Refusal.UNKNOWN_PLACEHOLDER),  # noqa: RUF001
        ("{{spend_total}} [more](https://example.org)", Refusal.MARKUP),
        ("{{spend_total}} www.example.org", Refusal.MARKUP),
        ("{{spend_total}} <b>now</b>", Refusal.MARKUP),
        ("{{spend_total}} \u202enow", Refusal.MARKUP),
        ("{{spend_total}} \x1b[31mnow", Refusal.NUMBER),
        ("{{spend_total}} \x07now", Refusal.MARKUP),
    ],
)
def test_what_is_no_template_is_refused(text: str, refusal: Refusal) -> None:
    assert refusal_of(text, FIGURES) is refusal


def test_what_is_filled_in_is_not_read_again() -> None:
    figures = {**FIGURES, "top_model": "{{spend_total}} 9"}
    assert filled("{{top_model}}!", figures) == "{{spend_total}} 9!"


@given(st.text(max_size=60))
def test_no_accepted_text_has_a_digit(words: str) -> None:
    text = f"{{{{spend_total}}}} {words}"
    if refusal_of(text, FIGURES) is None:
        assert not any(
            one.isnumeric() for one in text.replace("{{spend_total}}", "").replace("{{top_model}}", "")
        ) or any(one in text for one in "一")
