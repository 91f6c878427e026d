"""Explanations of request limits, which are decided last, and of guardrails in shadow mode."""

import dataclasses

from admin_service.resources.guardrails.explanations import Explanation, SupposedCall, explain
from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import RefusalReason
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import Guardrail, GuardrailMode, RateRule
from gateway_core.model.limits.rate_limits import RateCounter, RateUnit
from tests.support.data.examples import NOW_EPOCH_US, PRICES, SCOPES, parameters, principal

KEY, MEMBER, *_ = SCOPES
CALL = SupposedCall(Endpoint.CHAT_COMPLETIONS, parameters(), 100)
RICH = LiveCounters(Spend(10**15, 0))


def explained(who: Principal, counters: LiveCounters = RICH) -> Explanation:
    return explain(who, CALL, PRICES, counters, NOW_EPOCH_US, PeriodClock())


def test_the_rate_that_needs_the_longest_wait_is_named() -> None:
    who = principal({KEY: Guardrail(KEY, requests_per_minute=5), MEMBER: Guardrail(MEMBER, requests_per_minute=9)})
    full = {
        RateCounter("acme", KEY, RateUnit.MINUTE): Usage(5, 10_000_000, 60_000_000),
        RateCounter("acme", MEMBER, RateUnit.MINUTE): Usage(9, 30_000_001, 60_000_000),
    }
    answer = explained(who, dataclasses.replace(RICH, requests=full))
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.retry_after_s) == (RefusalReason.RATE_LIMITED, 31)
    assert answer.refusal.scope == MEMBER


def test_a_rule_stops_calls_of_its_models_and_is_reported_with_its_unit() -> None:
    rules = (RateRule("gpt-x", RateUnit.DAY, requests=0), RateRule(parameters().model, RateUnit.HOUR, requests=0))
    answer = explained(principal({MEMBER: Guardrail(MEMBER, rate_rules=rules)}))
    assert answer.refusal is not None
    assert answer.refusal.reason is RefusalReason.RATE_LIMITED
    assert "requests per hour" in answer.refusal.message
    assert (answer.refusal.scope, [state.rule for state in answer.guardrails[1].rules]) == (MEMBER, [rules[1]])
    assert not answer.guardrails[1].passes


def test_a_call_that_needs_more_than_is_left_does_not_fit() -> None:
    who = principal({KEY: Guardrail(KEY, tokens_per_minute=100)})
    answer = explained(who)
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.should_retry) == (RefusalReason.TOKENS_RATE_LIMITED, False)
    assert answer.guardrails[0].tokens_per_minute is not None
    assert answer.guardrails[0].tokens_per_minute.remaining == 100


def test_a_shadow_guardrail_does_not_pass_and_stops_nothing() -> None:
    rail = Guardrail(MEMBER, budget_nano_credits=0, requests_per_minute=0, mode=GuardrailMode.SHADOW)
    answer = explained(principal({MEMBER: rail}))
    assert answer.refusal is None
    assert [state.passes for state in answer.guardrails] == [True, False, True, True, True]


def test_a_disabled_key_is_reported_before_any_guardrail() -> None:
    answer = explained(principal({KEY: Guardrail(KEY, budget_nano_credits=0)}, api_key_active=False))
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.scope) == (RefusalReason.KEY_DISABLED, None)


def test_insufficient_credit_names_no_guardrail() -> None:
    answer = explained(principal(), LiveCounters(Spend(10, 0)))
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.scope, answer.credit.passes) == (
        RefusalReason.CREDIT_EXHAUSTED,
        None,
        False,
    )
