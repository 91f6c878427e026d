"""What an explanation says of requests per minute, which are decided last, and of guardrails in shadow mode."""

import dataclasses

from admin_service.resources.guardrails.explanations import Explanation, SupposedCall, explain
from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import RefusalReason
from gateway_core.model.dialects import Endpoint
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
    told = explained(who, dataclasses.replace(RICH, requests=full))
    assert told.refusal is not None
    assert (told.refusal.reason, told.refusal.retry_after_s) == (RefusalReason.RATE_LIMITED, 31)
    assert told.refusal.scope == MEMBER


def test_a_rule_stops_calls_of_its_models_and_is_told_with_its_span() -> None:
    rules = (RateRule("gpt-x", RateUnit.DAY, requests=0), RateRule(parameters().model, RateUnit.HOUR, requests=0))
    told = explained(principal({MEMBER: Guardrail(MEMBER, rate_rules=rules)}))
    assert told.refusal is not None
    assert told.refusal.reason is RefusalReason.RATE_LIMITED
    assert "requests per hour" in told.refusal.message
    assert (told.refusal.scope, [state.rule for state in told.guardrails[1].rules]) == (MEMBER, [rules[1]])
    assert not told.guardrails[1].passes


def test_what_a_call_needs_decides_not_what_is_left() -> None:
    who = principal({KEY: Guardrail(KEY, tokens_per_minute=100)})
    told = explained(who)
    assert told.refusal is not None
    assert (told.refusal.reason, told.refusal.should_retry) == (RefusalReason.TOKENS_RATE_LIMITED, False)
    assert told.guardrails[0].tokens_per_minute is not None
    assert told.guardrails[0].tokens_per_minute.remaining == 100


def test_a_shadow_guardrail_does_not_pass_and_stops_nothing() -> None:
    rail = Guardrail(MEMBER, budget_nano_credits=0, requests_per_minute=0, mode=GuardrailMode.SHADOW)
    told = explained(principal({MEMBER: rail}))
    assert told.refusal is None
    assert [state.passes for state in told.guardrails] == [True, False, True, True, True]


def test_a_disabled_key_is_told_before_any_guardrail() -> None:
    told = explained(principal({KEY: Guardrail(KEY, budget_nano_credits=0)}, api_key_active=False))
    assert told.refusal is not None
    assert (told.refusal.reason, told.refusal.scope) == (RefusalReason.KEY_DISABLED, None)


def test_credit_that_does_not_suffice_is_nobodys_guardrail() -> None:
    told = explained(principal(), LiveCounters(Spend(10, 0)))
    assert told.refusal is not None
    assert (told.refusal.reason, told.refusal.scope, told.credit.passes) == (
        RefusalReason.CREDIT_EXHAUSTED,
        None,
        False,
    )
