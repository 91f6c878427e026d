"""A counter's text identifies exactly one counter (fault D6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.ids import is_valid_id
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind

ids = st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
counters = st.builds(
    Counter, st.sampled_from(ScopeKind), ids, st.sampled_from(Cycle), st.integers(0, 2**40), st.integers(0, 2**31)
)


@given(counters)
def test_an_encoded_counter_is_decoded_unchanged(counter: Counter) -> None:
    assert Counter.decode(counter.encode()) == counter


@given(counters, counters)
def test_different_counters_have_different_texts(one: Counter, other: Counter) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@pytest.mark.parametrize("field", ["kind", "scope_id", "cycle", "cycle_start_epoch_s", "revision"])
def test_each_part_of_a_counter_changes_its_text(field: str) -> None:
    parts = {"kind": ScopeKind.MEMBER, "scope_id": "a", "cycle": Cycle.DAILY, "cycle_start_epoch_s": 1, "revision": 2}
    changed = {"kind": ScopeKind.GROUP, "scope_id": "b", "cycle": Cycle.WEEKLY, "cycle_start_epoch_s": 9, "revision": 9}
    assert (
        Counter(**parts).encode()  # type: ignore[arg-type]
        != Counter(**{**parts, field: changed[field]}).encode()  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "member",
        "member:a:DAILY:0",
        "member:a:DAILY:0:0:m:0",
        "member:a:DAILY:0:0:",
        "unknown:a:DAILY:0:0",
        "member:a:YEARLY:0:0",
        "member:a:DAILY:x:0",
    ],
)
def test_a_malformed_counter_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Counter.decode(text)


def test_a_counter_knows_its_scope() -> None:
    assert Counter(ScopeKind.GROUP, "sales", Cycle.NEVER, 0).scope == Scope(ScopeKind.GROUP, "sales")


@pytest.mark.parametrize("separator", [":", "/", "{", "}", "_", " ", "\0", ".", "A", "é"])
def test_no_id_contains_a_separator(separator: str) -> None:
    assert not is_valid_id(f"a{separator}b")
