"""The short way through a plain report and the long way through any report agree."""

from hypothesis import example, given
from hypothesis import strategies as st

from usage_service.provider_reports.counts import MAX_COUNT, Counts
from usage_service.provider_reports.openai import read_any, read_openai
from usage_service.provider_reports.reading import Notes

small = st.integers(0, 3)
values: st.SearchStrategy[object] = st.one_of(
    small, small, st.sampled_from([-1, MAX_COUNT, MAX_COUNT + 1, 1.0, True, "2", None, [], {}])
)
details = st.dictionaries(
    st.sampled_from(["cached_tokens", "reasoning_tokens", "audio_tokens", "cache_write_tokens", "text_tokens"]), values
)
NAMES = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens")
OTHER_NAMES = ("cached_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "audio_tokens")
PLAIN = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """Draws mostly plain reports: two sides, their total, and details."""
    names = draw(st.sampled_from([("prompt", "completion"), ("input", "output")]))
    total_input, total_output = draw(small), draw(small)
    sides = {f"{name}_tokens": count for name, count in zip(names, (total_input, total_output), strict=True)}
    inside = {f"{name}_tokens_details": draw(st.none() | details) for name in names}
    odd = draw(st.dictionaries(st.sampled_from(NAMES + OTHER_NAMES), values, max_size=1))
    return {**sides, "total_tokens": total_input + total_output, **inside, **odd}


@given(document=documents(), has_output=st.booleans())
@example(document=PLAIN, has_output=True)
@example(document=PLAIN | {"prompt_tokens_details": {"cached_tokens": 4}}, has_output=True)
@example(document=PLAIN | {"cached_tokens": 2}, has_output=True)
@example(document=PLAIN | {"prompt_cache_hit_tokens": 1}, has_output=True)
@example(document=PLAIN | {"completion_tokens_details": {"reasoning_tokens": 3}}, has_output=True)
def test_a_report_is_read_alike_on_both_ways(*, document: dict[str, object], has_output: bool) -> None:
    short, long = Notes(), Notes()
    shortly = read_openai(Counts(document, short), has_output=has_output)
    assert shortly == read_any(Counts(document, long), has_output=has_output)
    assert short.flags() == long.flags()
