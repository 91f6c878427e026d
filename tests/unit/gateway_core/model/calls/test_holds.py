"""A hold passes through untrusted parties. Only an unchanged token of this deployment is accepted (INV-06, fault F10)."""

import dataclasses
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.calls.holds import Claims, Hold, HoldTokenError, Rung, sign_hold, verify_hold
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.choice import Arm, Reason
from gateway_core.model.routing.routed_as import RoutedAs
from tests.support.data.example_hold import HOLD, with_changes

KEY = b"\x5a" * 32
TOKEN = sign_hold(HOLD, KEY)
FIELDS = [field.name for record in (Hold, Claims) for field in dataclasses.fields(record) if field.name != "claims"]

texts = st.text(max_size=20)
numbers = st.integers(0, 2**63 - 1)
ROUTED = RoutedAs("auto", 3, Arm.ROUTED, Reason.CHEAPEST, True, "summaries", "gpt-4o", 1, "gpt-4o-mini", 2)  # noqa: FBT003
RUNGS = (Rung("acme", "acme-1", 3), Rung("other", "one", 4))
_arms, _reasons = st.sampled_from(Arm), st.sampled_from(Reason)
routed = st.builds(RoutedAs, texts, numbers, _arms, _reasons, st.booleans(), texts, texts, numbers, texts, numbers)
claims = st.builds(
    Claims,
    organization=texts,
    group_path=st.lists(texts, max_size=4).map(tuple),
    member=texts,
    api_key=texts,
    endpoint=st.sampled_from(Endpoint),
    streams=st.booleans(),
    requested_model=texts,
    provider=texts,
    served_model=texts,
    price_version=numbers,
    counters=st.lists(
        st.builds(Counter, st.sampled_from(ScopeKind), st.just("a"), st.sampled_from(Cycle), numbers, numbers),
        max_size=7,
    ).map(tuple),
    routed=st.none() | routed,
    rungs=st.lists(st.builds(Rung, texts, texts, numbers), max_size=3).map(tuple),
    throttles=st.lists(
        st.builds(Throttle, st.sampled_from(ThrottleKind), st.builds(Scope, st.sampled_from(ScopeKind), st.just("a"))),
        max_size=4,
    ).map(tuple),
)
holds = st.builds(
    Hold,
    hold_id=st.from_regex(r"hold-[0-9a-z]{1,26}", fullmatch=True),
    claims=claims,
    amount_nano_credits=numbers,
    input_tokens=numbers,
    output_tokens=numbers,
    placed_epoch_us=numbers,
    expires_epoch_us=numbers,
    placement=numbers,
    shadow_refusals=st.lists(numbers, max_size=7).map(tuple),
    tags=st.dictionaries(texts, texts, max_size=5).map(lambda tags: tuple(sorted(tags.items()))),
    session=st.sampled_from(["", "5e55" * 4]),
    turns=numbers,
)
WRITTEN_BEFORE = (
    "v2.eyJvcmciOiJhY21lIiwiZ3JvdXBzIjpbImcxIiwiZzIiXSwibWVtYmVyIjoibWlhIiwia2V5Ijoia2V5LTEiLCJlbmRwb2ludCI6Im1lc3NhZ2VzIiwi"
    "c3RyZWFtcyI6dHJ1ZSwibW9kZWwiOiJjbGF1ZGUiLCJwcm92aWRlciI6ImFudGhyb3BpYyIsInNlcnZlZCI6ImNsYXVkZS00IiwicHJpY2UiOjMsImNvdW50"
    "ZXJzIjpbImFwaV9rZXk6a2V5LTE6TkVWRVI6MDowIiwibWVtYmVyOm1pYTpEQUlMWToxNzUwMDAwMDAwOjQiXSwidGhyb3R0bGVzIjpbInRva2VuczptZW1i"
    "ZXI6bWlhIiwiY2FsbHM6YXBpX2tleTprZXktMSJdfQ.hold-01j0000000000000000000000,4611686018427387905,10,20,1750000000000001,"
    "1750007200000001,0,0:1.rZ8cCpT4p5GizchUYLGs5nhMTCMg1MrjRnyrsm1Hez4"
)


def test_the_bytes_of_a_token_do_not_change() -> None:
    """Holds in flight must stay readable, so a change of these bytes needs a new version."""
    assert TOKEN == WRITTEN_BEFORE
    assert verify_hold(WRITTEN_BEFORE, KEY) == HOLD


@given(holds, st.binary(min_size=32, max_size=32))
def test_a_hold_is_read_back_from_its_token(hold: Hold, key: bytes) -> None:
    assert verify_hold(sign_hold(hold, key), key) == hold


def test_a_token_carries_the_deployments_of_all_attempts() -> None:
    several = with_changes(HOLD, rungs=RUNGS)
    assert verify_hold(sign_hold(several, KEY), KEY) == several


def test_a_token_says_which_attempts_carry_an_own_key() -> None:
    for carried in ((True, False), (False, True), (True, True)):
        rungs = tuple(dataclasses.replace(rung, own_key=is_own) for rung, is_own in zip(RUNGS, carried, strict=True))
        hold = with_changes(HOLD, rungs=rungs, own_key=carried[0])
        read = verify_hold(sign_hold(hold, KEY), KEY)
        assert read == hold
        assert [read.claims.of_attempt(number).own_key for number in (1, 2)] == list(carried)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_hold_is_signed(field: str) -> None:
    changes: dict[type, Any] = {str: "other", int: 7, bool: False, tuple: (), Endpoint: Endpoint.RESPONSES}
    owner = HOLD if hasattr(HOLD, field) else HOLD.claims
    others: dict[str, Any] = {"tags": (("a", "b"),), "routed": ROUTED, "rungs": RUNGS, "own_key": True}
    changed = with_changes(HOLD, **{field: others.get(field, changes.get(type(getattr(owner, field))))})
    assert sign_hold(changed, KEY) != TOKEN


def test_any_changed_character_is_refused() -> None:
    """This includes characters that base64 decodes to the same bytes: a token has exactly one spelling."""
    for position, replacement in product(range(len(TOKEN)), "Az09-_+/=. \né"):
        changed = TOKEN[:position] + replacement + TOKEN[position + 1 :]
        if changed != TOKEN:
            with pytest.raises(HoldTokenError):
                verify_hold(changed, KEY)


@pytest.mark.parametrize("signature_end", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
def test_the_unused_bits_of_the_signature_must_be_zero(signature_end: str) -> None:
    changed = TOKEN[:-1] + signature_end
    if changed == TOKEN:
        assert verify_hold(changed, KEY) == HOLD
    else:
        with pytest.raises(HoldTokenError):
            verify_hold(changed, KEY)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "v2..", "v2.e30.a,1.", TOKEN[:-1], TOKEN + "=", TOKEN + "A", TOKEN.replace("v2.", "v1."),
     TOKEN.rpartition(".")[0], TOKEN + "\n", " " + TOKEN, "\ud800." + TOKEN, TOKEN + "\ud800", "é" * 50, "\0" * 50],
)  # fmt: skip
def test_a_malformed_token_is_refused(token: str) -> None:
    with pytest.raises(HoldTokenError):
        verify_hold(token, KEY)


@given(st.text(max_size=80))
def test_any_text_is_read_or_raises_a_hold_token_error(text: str) -> None:
    with pytest.raises(HoldTokenError):
        verify_hold(text, KEY)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY))
def test_a_token_of_another_deployment_is_refused(key: bytes) -> None:
    with pytest.raises(HoldTokenError, match="not signed by this deployment"):
        verify_hold(TOKEN, key)


def test_the_message_never_quotes_the_token() -> None:
    with pytest.raises(HoldTokenError) as caught:
        verify_hold(TOKEN, b"\0" * 32)
    assert not any(part in str(caught.value) for part in TOKEN.split("."))
    assert caught.value.__cause__ is None
