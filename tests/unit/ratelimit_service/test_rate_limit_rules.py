"""The pure rules: keys of counters, merging of demands, and messages to callers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.limits.rate_limits import (
    CounterState,
    Demand,
    RateCounter,
    RateUnit,
    format_duration,
    merge_demands,
    refusal_message,
    retry_after_s,
    tightest,
)
from gateway_core.model.organization.scopes import Scope, ScopeKind

# Ids that a hostile caller would choose, although the admin API refuses them.
IDS = st.one_of(
    st.text(alphabet="a:{}%/_|\0.", max_size=6),
    st.text(max_size=12),
    st.sampled_from(["a", "a:b", "a}:r:member:b", "%3A", ":", "{", "}", "", "ä", "a%00", "MINUTE", "api_key:x"]),
)
COUNTERS = st.builds(RateCounter, IDS, st.builds(Scope, st.sampled_from(ScopeKind), IDS), st.sampled_from(RateUnit))


def counter(scope_id: str = "mia", unit: RateUnit = RateUnit.MINUTE, kind: ScopeKind = ScopeKind.MEMBER) -> RateCounter:
    return RateCounter("acme", Scope(kind, scope_id), unit)


def state(
    limit: int = 60, *, fits: bool, remaining: int = 0, wait_us: int | None = 0, scope_id: str = "mia"
) -> CounterState:
    return CounterState(Demand(counter(scope_id), limit, 1), fits, remaining, wait_us, reset_us=1_000)


@given(COUNTERS, COUNTERS)
def test_two_counters_never_share_a_key(one: RateCounter, other: RateCounter) -> None:
    assert (one.key() == other.key()) == (one == other)


@given(COUNTERS)
def test_the_hash_tag_of_a_key_is_the_organization(one: RateCounter) -> None:
    key = one.key()
    tag = key[key.index("{") + 1 : key.index("}")]
    same_organization = RateCounter(one.organization, Scope(ScopeKind.API_KEY, "other"), RateUnit.DAY).key()
    assert f"{{{tag}}}" in same_organization
    assert ":" not in tag


def test_the_key_of_ordinary_ids_is_readable() -> None:
    assert counter().key() == "mr:{acme}:r:member:mia:MINUTE"


def test_demands_on_one_counter_are_added_under_the_lowest_limit() -> None:
    merged = merge_demands([Demand(counter(), 10, 2), Demand(counter("ben"), 5, 1), Demand(counter(), 7, 3)])
    assert merged == [Demand(counter(), 7, 5), Demand(counter("ben"), 5, 1)]


def test_an_admitted_call_reports_the_limit_with_the_least_left() -> None:
    states = [state(fits=True, remaining=9), state(fits=True, remaining=2), state(fits=True, remaining=5)]
    assert tightest(states).remaining == 2


def test_a_refusal_reports_the_limit_with_the_longest_wait() -> None:
    states = [
        state(fits=True, remaining=1),
        state(fits=False, wait_us=2_000_000, scope_id="short"),
        state(fits=False, wait_us=9_000_001, scope_id="long"),
    ]
    assert tightest(states).demand.counter == states[2].demand.counter
    assert retry_after_s(states) == 10


def test_a_limit_that_can_never_be_met_takes_precedence_over_any_wait() -> None:
    states = [state(fits=False, wait_us=9_000_000), state(0, fits=False, wait_us=None)]
    assert retry_after_s(states) is None
    assert refusal_message(states) == (
        "The rate limit of this API key's member is 0 requests per minute, so this call can never pass."
        " Ask an admin to raise the limit."
    )


@pytest.mark.parametrize(("wait_us", "seconds"), [(1, 1), (1_000_000, 1), (1_000_001, 2), (60_937_500, 61)])
def test_retry_after_is_the_first_whole_second_at_which_the_call_passes(wait_us: int, seconds: int) -> None:
    assert retry_after_s([state(fits=False, wait_us=wait_us)]) == seconds


@pytest.mark.parametrize(
    ("kind", "limit", "wait_us", "message"),
    [
        (
            ScopeKind.MEMBER,
            60,
            11_500_000,
            "The rate limit of this API key's member is 60 requests per minute. Try again in 12 seconds.",
        ),
        (
            ScopeKind.API_KEY,
            1,
            900_000,
            "The rate limit of API key 'mia' is 1 request per minute. Try again in 1 second.",
        ),
    ],
)
def test_the_message_names_scope_limit_and_wait(kind: ScopeKind, limit: int, wait_us: int, message: str) -> None:
    refused = CounterState(Demand(counter(kind=kind), limit, 1), fits=False, remaining=0, wait_us=wait_us, reset_us=0)
    assert refusal_message([refused]) == message


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (250_000, "250ms"),
        (999_001, "1s"),
        (1_000_000, "1s"),
        (12_500_000, "12.5s"),
        (59_999_001, "1m0s"),
        (90_020_000, "1m30.02s"),
        (360_000_000, "6m0s"),
        (3_600_000_000, "1h0m0s"),
        (87_750_000_000, "24h22m30s"),
    ],
)
def test_durations_have_the_format_of_openai(duration_us: int, text: str) -> None:
    assert format_duration(duration_us) == text
