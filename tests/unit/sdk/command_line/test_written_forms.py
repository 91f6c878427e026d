"""Parsing and formatting of the values that people write on the command line."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from megarouter.type.v1.error_reason_pb2 import ErrorReason
from megarouter_admin.command_line.failures import _ADVICE
from megarouter_admin.command_line.session import url_of
from megarouter_admin.command_line.values.amounts import format_credits, parse_credits
from megarouter_admin.command_line.values.filters import all_of, quoted
from megarouter_admin.command_line.values.limits import (
    Limits,
    change_of,
    format_model_budget,
    format_rate,
    format_rollover,
    parse_model_budget,
    parse_rates,
    rollover_of,
)
from megarouter_admin.command_line.values.names import Collection, full_name, guardrail_name
from megarouter_admin.command_line.values.permissions import permission_label, permissions_of
from megarouter_admin.command_line.values.times import parse_duration, parse_moment, relative

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
ACME = "organizations/acme"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("25.50", 25_500_000_000), ("0.000000001", 1), ("-10", -10_000_000_000), ("9223372036.854775807", 2**63 - 1)],
)
def test_an_amount_is_read_exactly(text: str, amount: int) -> None:
    assert parse_credits(text) == amount


@pytest.mark.parametrize("text", ["", "1,000", "1.0000000001", "1e3", ".5", "9223372036.854775808", "NaN", "\u0661"])
def test_an_invalid_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|too large"):
        parse_credits(text)


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_a_formatted_amount_is_exact(amount: int) -> None:
    assert parse_credits(format_credits(amount).replace(",", "")) == amount


@pytest.mark.parametrize("text", ["eng", "groups/eng", "organizations/acme/groups/eng"])
def test_a_group_can_be_given_by_id_or_name(text: str) -> None:
    assert full_name(ACME, Collection.GROUPS, text) == "organizations/acme/groups/eng"


@pytest.mark.parametrize(
    "text", ["", "Eng", "members/eng", "organizations/acme/groups/eng/x", "../x", "organizations//groups/eng"]
)
def test_an_invalid_group_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        full_name(ACME, Collection.GROUPS, text)


RATES = ["1000/day", "openai/*=100/hour", "gpt-4o=60/minute", "gpt-4o=50000tokens/minute"]


def test_rates_are_read_and_formatted_alike() -> None:
    rates = parse_rates(RATES)
    assert [(rate.models, rate.requests, rate.tokens) for rate in rates] == [
        ("", 1_000, 0), ("openai/*", 100, 0), ("gpt-4o", 60, 50_000),
    ]  # fmt: skip
    assert ", ".join(map(format_rate, rates)) == ", ".join(RATES)


@pytest.mark.parametrize("text", ["1000", "1000/week", "x/day", "-1/day", "=1/day", "1 /day", "1tokens", "1.5/day"])
def test_an_invalid_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rates([text])


@pytest.mark.parametrize(
    ("scope", "guardrail"),
    [
        ("organization", "organization"),
        ("organizations/acme", "organization"),
        ("groups/eng", "group-eng"),
        ("keys/k", "apikey-k"),
        ("service-accounts/sa-build", "serviceaccount-sa-build"),
        ("organizations/acme/members/emma", "member-emma"),
        ("group-eng", "group-eng"),
        ("organizations/acme/guardrails/group-eng", "group-eng"),
    ],
)
def test_a_guardrail_is_given_by_its_scope(scope: str, guardrail: str) -> None:
    assert guardrail_name(ACME, scope) == f"organizations/acme/guardrails/{guardrail}"


@pytest.mark.parametrize("scope", ["eng", "invites/x", ""])
def test_an_invalid_scope_is_refused(scope: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        guardrail_name(ACME, scope)


def test_omitted_limits_stay_and_none_removes_a_limit() -> None:
    changed, paths = change_of(Limits(budget="25.50", requests="none"))
    assert paths == ["budget_nano_credits", "requests_per_minute"]
    assert changed.budget_nano_credits == 25_500_000_000
    assert not changed.HasField("requests_per_minute")


@pytest.mark.parametrize("address", ["127.0.0.1:80", "localhost:80", "[::1]:80"])
def test_only_loopback_addresses_are_called_without_encryption(address: str) -> None:
    assert url_of(address) == f"http://{address}"
    assert url_of("admin.example:443") == "https://admin.example:443"


def test_times_and_durations_are_read() -> None:
    assert parse_duration("90d") == dt.timedelta(days=90)
    assert parse_moment("2026-12-31", NOW) == dt.datetime(2026, 12, 31, tzinfo=dt.UTC)
    assert parse_moment("2h", NOW) == NOW + dt.timedelta(hours=2)
    with pytest.raises(ValueError, match="time zone"):
        parse_moment("2026-12-31T18:00:00", NOW)
    assert relative(NOW - dt.timedelta(hours=3, minutes=59), NOW) == "3 hours ago"
    assert relative(NOW + dt.timedelta(days=1), NOW) == "in 1 day"


def test_filters_are_quoted_and_joined() -> None:
    assert quoted('a"b\\') == r'"a\"b\\"'
    assert all_of("", "a = 1") == "a = 1"
    assert all_of("a = 1 OR b = 2", "c = 3") == "(a = 1 OR b = 2) AND (c = 3)"


def test_every_remedy_is_for_an_existing_reason() -> None:
    assert set(_ADVICE) <= set(ErrorReason.keys())


@pytest.mark.parametrize(
    "name", ["usage:read", "credits:top_up", "member_access_tokens:write", "api_keys:disable", "sign_in_links:exchange"]
)
def test_a_permission_is_written_as_it_is_read(name: str) -> None:
    (value,) = permissions_of([name])
    assert permission_label(value) == name


@pytest.mark.parametrize("text", ["", "usage", "usage:write", "USAGE:READ", "unspecified:", ":read"])
def test_a_permission_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a permission"):
        permissions_of([text])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("openai/*=50", "50.00"),
        ("gpt-4o=5,daily", "5.00 daily"),
        ("gpt-4o=5,soft=80%", "5.00, at 80%"),
        ("gpt-4o=5,weekly,soft=2.50,rollover=on", "5.00 weekly, at 2.50, carries over at most one budget"),
        ("gpt-4o=5,soft-only", "5.00, refuses nothing"),
        ("gpt-4o=5,monthly,rollover=7", "5.00 monthly, carries over at most 7.00"),
    ],
)  # fmt: skip
def test_a_budget_for_some_models_is_read_with_its_options(text: str, shown: str) -> None:
    budget = parse_model_budget(text)
    assert (budget.models, format_model_budget(budget)) == (text.partition("=")[0], shown)


@pytest.mark.parametrize(
    "text", ["gpt-4o", "gpt-4o=5,", "gpt-4o=5,hourly", "gpt-4o=5,soft", "gpt-4o=5,daily=1", "gpt-4o=5,rollover=no"]
)
def test_a_malformed_budget_for_some_models_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"for some models|amount"):
        parse_model_budget(text)


@pytest.mark.parametrize(("text", "shown"), [("on", "at most one budget"), ("12.5", "at most 12.50"), ("none", "")])
def test_rollover_is_read_as_on_an_amount_or_none(text: str, shown: str) -> None:
    assert format_rollover(rollover_of(text)) == shown
    assert change_of(Limits(rollover=text))[1] == ["rollover"]
