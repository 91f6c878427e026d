"""What services say about refused calls is read back, and anything else is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.contract.metadata import RefusedCall, decode_refusal, encode_refusal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.organization.scopes import Scope, ScopeKind


@pytest.mark.parametrize("scope", [None, Scope(ScopeKind.GROUP, "g-1")])
@pytest.mark.parametrize("path", [(), ("eng",), ("eng", "ai", "x", "y")])
def test_a_refusal_is_read_back(scope: Scope | None, path: tuple[str, ...]) -> None:
    refusal = Refusal(RefusalReason.BUDGET_EXHAUSTED, "Why.", scope=scope)
    text = encode_refusal(refusal, "acme", "mia", "key-1", path)
    assert decode_refusal(text) == RefusedCall("budget_exhausted", scope, "acme", "mia", "key-1", path)
    assert decode_refusal(encode_refusal(refusal)) == RefusedCall("budget_exhausted", scope)


def test_the_module_names_only_a_reason() -> None:
    assert decode_refusal("too_many_unknown_keys") == RefusedCall("too_many_unknown_keys")


@pytest.mark.parametrize(
    "text",
    ["", " ", "why", "rate_limited - acme mia key-1 - more", "rate_limited - A/B mia key-1 -", "x" * 2_000,
     "rate_limited - acme mia  -", "rate_limited - acme mia key-1 eng//ai"],
)  # fmt: skip
def test_anything_else_is_nothing(text: str) -> None:
    assert decode_refusal(text) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_nothing(text: str) -> None:
    decode_refusal(f"rate_limited {text}")
