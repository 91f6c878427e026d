"""The decision on a call: refusals, the amount and counters of its hold, and the changes that Envoy makes to the request."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.placement_refusals import refuse_exhausted
from gateway_core.model.calls.placements import ExhaustedCounter
from gateway_core.model.calls.principals import Principal, refuse_principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.limits.rate_limits import RateUnit
from gateway_core.model.limits.request_limits import RateLimit, decode_limits
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.support.data.examples import (
    NOW_EPOCH_US,
    PRICES,
    SCOPES,
    admitted,
    budget,
    decided,
    parameters,
    principal,
)

NOW_S = NOW_EPOCH_US / 10**6
API_KEY, MEMBER, GROUP, PARENT, ORGANIZATION = SCOPES


def refused(
    who: Principal | None = None, model: str = "plain", endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS
) -> Refusal:
    decision = decided(who, parameters(model), endpoint)
    assert isinstance(decision, Refusal)
    return decision


def whitelisted(**lists: set[str]) -> Principal:
    """Returns a principal with a whitelist on the scopes of these kinds."""
    return principal(
        {
            scope: Guardrail(scope, model_whitelist=parse_whitelist(lists[scope.kind]))
            for scope in SCOPES
            if scope.kind in lists
        }
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"api_key_active": False}, RefusalReason.KEY_DISABLED),
        ({"expire_epoch_s": NOW_S}, RefusalReason.KEY_EXPIRED),
        ({"expire_epoch_s": NOW_S - 1}, RefusalReason.KEY_EXPIRED),
        ({"member_active": False}, RefusalReason.MEMBER_SUSPENDED),
        ({"organization_active": False}, RefusalReason.ORGANIZATION_SUSPENDED),
        ({"is_switched_off": True}, RefusalReason.PERSONAL_ACCOUNTS_OFF),
        ({"is_switched_off": True, "organization_active": False}, RefusalReason.PERSONAL_ACCOUNTS_OFF),
        ({"api_key_active": False, "member_active": False, "organization_active": False}, RefusalReason.KEY_DISABLED),
    ],
)
def test_a_valid_key_that_may_not_call_is_refused_with_the_reason(
    changes: dict[str, Any], reason: RefusalReason
) -> None:
    refusal = refuse_principal(principal(**changes), NOW_S)
    assert refusal is not None
    assert refusal.reason is reason


@pytest.mark.parametrize("expire_epoch_s", [None, NOW_S + 0.001])
def test_a_key_that_has_not_expired_may_call(expire_epoch_s: float | None) -> None:
    assert refuse_principal(principal(expire_epoch_s=expire_epoch_s), NOW_S) is None


@pytest.mark.parametrize("name", ["", "nothing", "Plain", "plain ", "*", "../plain", "ПРОСТО", "x" * 10_000])
def test_a_model_that_is_not_offered_is_refused(name: str) -> None:
    refusal = refused(model=name)
    assert (refusal.reason, refusal.status, refusal.parameter) == (RefusalReason.MODEL_NOT_FOUND, 404, "model")
    assert len(refusal.message) < 300


def test_a_call_by_an_alias_is_held_checked_and_recorded_under_the_public_name() -> None:
    prices = CatalogView({**PRICES.models, "acme/plain": PRICES.models["plain"]}, PRICES.providers)
    decision = decided(whitelisted(member={"plain"}), parameters("acme/plain"), prices=prices)
    assert isinstance(decision, Admission)
    assert decision.hold.claims.requested_model == "plain"
    assert decision.terms.route.rewrite_model
    refusal = decided(whitelisted(member={"renamed"}), parameters("acme/plain"), prices=prices)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.MODEL_NOT_ALLOWED


def test_a_model_with_an_unknown_provider_is_not_offered() -> None:
    decision = decided(prices=CatalogView(PRICES.models, {}))
    assert isinstance(decision, Refusal)
    assert decision.reason is RefusalReason.MODEL_NOT_FOUND


@pytest.mark.parametrize("kind", ["api_key", "member", "group", "organization"])
def test_a_whitelist_at_any_scope_stops_other_models(kind: str) -> None:
    assert refused(whitelisted(**{kind: {"renamed"}})).reason is RefusalReason.MODEL_NOT_ALLOWED
    assert isinstance(decided(whitelisted(**{kind: {"plain"}})), Admission)


def test_whitelists_are_intersected() -> None:
    who = whitelisted(api_key={"plain", "renamed"}, organization={"renamed", "elsewhere"})
    assert refused(who, "plain").reason is RefusalReason.MODEL_NOT_ALLOWED
    assert refused(who, "elsewhere").reason is RefusalReason.MODEL_NOT_ALLOWED
    assert isinstance(decided(who, parameters("renamed")), Admission)


def test_an_empty_whitelist_allows_nothing() -> None:
    assert refused(whitelisted(member=set())).reason is RefusalReason.MODEL_NOT_ALLOWED


def test_an_operation_that_a_model_does_not_support_is_refused() -> None:
    refusal = refused(model="messages-only")
    assert (refusal.reason, refusal.parameter) == (RefusalReason.INVALID_PARAMETER, "model")
    assert "it is for messages" in refusal.message


@pytest.mark.parametrize("name", ["unpriced", "future"])
def test_a_model_without_a_current_price_is_refused(name: str) -> None:
    assert refused(model=name).reason is RefusalReason.MODEL_WITHOUT_PRICE


def test_the_hold_contains_everything_that_settlement_needs() -> None:
    hold = admitted(what=parameters("renamed", streams=True, output_limit=7, choices=2)).hold
    assert (hold.hold_id, hold.claims.organization, hold.claims.group_path) == ("hold-1", "acme", ("g1", "g2"))
    assert (hold.claims.member, hold.claims.api_key) == ("mia", "key-1")
    assert (hold.claims.endpoint, hold.claims.streams) == (Endpoint.CHAT_COMPLETIONS, True)
    assert (hold.claims.requested_model, hold.claims.served_model, hold.claims.provider) == (
        "renamed",
        "acme/renamed-2",
        "acme",
    )
    assert hold.claims.price_version == 4
    assert (hold.input_tokens, hold.output_tokens) == (100, 14)
    assert hold.amount_nano_credits == 100 * 1_000 + 14 * 2_000
    assert hold.placed_epoch_us == NOW_EPOCH_US
    assert hold.expires_epoch_us == NOW_EPOCH_US + 7_200_000_000


def test_balanced_mode_reserves_a_quarter_of_the_input() -> None:
    assert admitted(principal(bytes_per_token=4)).hold.input_tokens == 25


def test_every_scope_has_the_hold_narrowest_first_even_without_a_limit() -> None:
    admission = admitted(principal(budget(GROUP, 9)))
    assert [counter.scope for counter in admission.hold.claims.counters] == list(SCOPES)
    assert admission.terms.limits.budgets == (None, None, 9, None, None)
    assert [scope.kind for scope in SCOPES] == [
        ScopeKind.API_KEY, ScopeKind.MEMBER, ScopeKind.GROUP, ScopeKind.GROUP, ScopeKind.ORGANIZATION
    ]  # fmt: skip


def test_a_counter_is_for_the_period_in_the_organizations_time_zone() -> None:
    rails = {**budget(MEMBER, 5, Cycle.DAILY, revision=3), **budget(ORGANIZATION, 6, Cycle.MONTHLY)}
    admission = admitted(principal(rails))
    midnight = int(dt.datetime.fromisoformat("2026-03-15T00:00+01:00").timestamp())
    month = int(dt.datetime.fromisoformat("2026-03-01T00:00+01:00").timestamp())
    assert admission.hold.claims.counters[1] == Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, midnight, 3)
    assert admission.hold.claims.counters[4] == Counter(ScopeKind.ORGANIZATION, "acme", Cycle.MONTHLY, month, 0)
    next_month = int(dt.datetime.fromisoformat("2026-04-01T00:00+02:00").timestamp())
    assert admission.terms.limits.reset_epoch_s == (None, midnight + 86_400, None, None, next_month)


def test_the_model_is_rewritten_only_if_the_provider_has_another_name_for_it() -> None:
    assert admitted(what=parameters("renamed")).terms.route.rewrite_model
    assert not admitted(what=parameters("plain")).terms.route.rewrite_model
    gemini = admitted(what=parameters("renamed"), endpoint=Endpoint.GENERATE_CONTENT)
    assert not gemini.terms.route.rewrite_model
    assert gemini.terms.route.upstream_path == "/gemini/v1/models/acme/renamed-2:generateContent"


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("model", ["plain", "elsewhere"])
def test_usage_is_requested_only_if_a_stream_would_omit_it(
    endpoint: Endpoint, model: str, *, streams: bool, asks: bool
) -> None:
    """The model `elsewhere` has a provider without `stream_options`."""
    admission = admitted(what=parameters(model, streams=streams, asks_for_usage=asks), endpoint=endpoint)
    needed = endpoint in {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS} and streams and not asks and model == "plain"
    assert admission.terms.route.inject_include_usage == needed


@pytest.mark.parametrize(
    ("endpoint", "streams", "path"),
    [
        (Endpoint.CHAT_COMPLETIONS, True, "/openai/v1/chat/completions"),
        (Endpoint.COMPLETIONS, False, "/openai/v1/completions"),
        (Endpoint.RESPONSES, False, "/openai/v1/responses"),
        (Endpoint.EMBEDDINGS, False, "/openai/v1/embeddings"),
        (Endpoint.MESSAGES, True, "/anthropic/v1/messages"),
        (Endpoint.GENERATE_CONTENT, False, "/gemini/v1/models/plain:generateContent"),
        (Endpoint.GENERATE_CONTENT, True, "/gemini/v1/models/plain:streamGenerateContent"),
    ],
)
def test_the_upstream_path_has_the_providers_prefix_for_the_dialect(
    endpoint: Endpoint, path: str, *, streams: bool
) -> None:
    admission = admitted(what=parameters(streams=streams), endpoint=endpoint)
    assert (admission.terms.route.upstream_path, admission.terms.route.cluster) == (path, "provider-acme")


def test_rate_limits_are_those_of_every_scope_that_has_one() -> None:
    rails = {scope: Guardrail(scope, requests_per_minute=10 + index) for index, scope in enumerate(SCOPES)}
    limits = decode_limits(admitted(principal(rails)).terms.limits.requests)
    assert limits == tuple(RateLimit(scope, RateUnit.MINUTE, 10 + index) for index, scope in enumerate(SCOPES))
    assert admitted().terms.limits.requests == ""
    assert (
        admitted(principal({MEMBER: Guardrail(MEMBER, requests_per_minute=0)})).terms.limits.requests
        == "member:mia:MINUTE:0"
    )


def test_an_exhausted_budget_names_the_narrowest_scope_and_lists_all() -> None:
    rails = {**budget(MEMBER, 3 * 10**9, Cycle.DAILY), **budget(PARENT, 10**9)}
    admission = admitted(principal(rails))
    refusal = refuse_exhausted(
        admission,
        (ExhaustedCounter(1, 2 * 10**9, 5 * 10**8), ExhaustedCounter(3, 10**9, 7), ExhaustedCounter(None, 5, 4)),
    )
    assert (refusal.reason, refusal.status) == (RefusalReason.BUDGET_EXHAUSTED, 402)
    assert "budget of this API key's member" in refusal.message
    assert "0.50 of 3.00 are left" in refusal.message
    assert "resets at 2026-03-15T23:00:00+00:00" in refusal.message
    assert [limit.scope for limit in refusal.limits] == [MEMBER, PARENT, None]
    assert [limit.limit_nano_credits for limit in refusal.limits] == [3 * 10**9, 10**9, 5]
    assert [limit.used_nano_credits for limit in refusal.limits] == [2 * 10**9, 10**9, 0]
    assert [limit.held_nano_credits for limit in refusal.limits] == [5 * 10**8, 7, 4]
    assert [limit.reset_epoch_s for limit in refusal.limits][1:] == [None, None]


def test_an_overdrawn_budget_has_nothing_left() -> None:
    refusal = refuse_exhausted(admitted(principal(budget(API_KEY, 10**9))), (ExhaustedCounter(0, 2 * 10**9, 0),))
    assert "API key 'key-1'" in refusal.message
    assert "0.00 of 1.00 are left" in refusal.message
    assert "resets" not in refusal.message


def test_exhausted_credit_reports_the_needed_and_the_available_amount() -> None:
    refusal = refuse_exhausted(admitted(), (ExhaustedCounter(None, 100, 40),))
    assert (refusal.reason, refusal.status) == (RefusalReason.CREDIT_EXHAUSTED, 402)
    assert "does not cover this call, which needs up to 0.0003 credits. Ask an admin" in refusal.message


def test_a_budget_that_only_running_calls_hold_is_worth_a_retry() -> None:
    admission = admitted(principal(budget(API_KEY, 10**9)))
    refusal = refuse_exhausted(admission, (ExhaustedCounter(0, 10**8, 9 * 10**8), ExhaustedCounter(None, 10**9, 10**9)))
    assert (refusal.reason, refusal.status) == (RefusalReason.BUDGET_IN_USE, 429)
    assert (refusal.retry_after_s, refusal.should_retry) == (1, True)
    assert "Running calls reserve 0.90 credits of the budget of API key 'key-1'" in refusal.message
    assert "Try again in 1 second" in refusal.message


def test_credit_that_only_running_calls_hold_is_worth_a_retry() -> None:
    refusal = refuse_exhausted(admitted(), (ExhaustedCounter(None, 10**9, 10**9),))
    assert refusal.reason is RefusalReason.BUDGET_IN_USE
    assert "Running calls reserve what is left of the organization's credit" in refusal.message


def test_a_budget_that_is_spent_is_exhausted_even_if_another_is_only_held() -> None:
    admission = admitted(principal(budget(API_KEY, 10**9)))
    refusal = refuse_exhausted(admission, (ExhaustedCounter(0, 10**9, 0), ExhaustedCounter(None, 10**9, 10**9)))
    assert refusal.reason is RefusalReason.BUDGET_EXHAUSTED


def test_a_decision_depends_only_on_its_arguments() -> None:
    assert decided() == decided()
    assert decided(replace(principal(), member="max")) != decided()


def test_scopes_of_different_kinds_with_the_same_id_have_different_counters() -> None:
    counters = admitted(principal(api_key="acme")).hold.claims.counters
    assert len({counter.encode() for counter in counters}) == len(counters)
    assert Scope(ScopeKind.ORGANIZATION, "acme") in {counter.scope for counter in counters}
