"""For anything a group admin grants, every call within the grant is also within the admin's own limits."""

from hypothesis import given
from hypothesis import strategies as st

from admin_service.access.grants import HeldLimits, Limits, first_exceeded
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import GuardrailMode
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.organization.scopes import Scope, ScopeKind

AMOUNTS = st.none() | st.integers(0, 3)
ENTRIES = st.sampled_from(["a", "a/b", "a/*", "b/*", "provider:p", "provider:q"])
WHITELISTS = st.none() | st.lists(ENTRIES, max_size=3).map(parse_whitelist)
LIMITS = st.builds(Limits, AMOUNTS, st.sampled_from([Cycle.NEVER, Cycle.DAILY]), WHITELISTS, AMOUNTS)
HELD = st.lists(
    st.builds(HeldLimits, st.just(Scope(ScopeKind.GROUP, "g")), LIMITS, st.sampled_from(GuardrailMode)), max_size=3
)
MODELS = st.tuples(st.sampled_from(["a", "a/b", "a/c", "b/a", "ab"]), st.sampled_from(["p", "q"]))


@given(LIMITS, HELD, MODELS)
def test_a_grant_is_within_every_limit_of_the_granter(
    granted: Limits, held: list[HeldLimits], model: tuple[str, str]
) -> None:
    if first_exceeded(granted, held) is not None:
        return
    for own in held:
        limits = own.limits
        if granted.key_limit is not None and limits.key_limit is not None:
            assert granted.key_limit <= limits.key_limit
        if own.mode is GuardrailMode.SHADOW:
            continue
        budgets = granted.budget_nano_credits, limits.budget_nano_credits
        if granted.cycle is limits.cycle and None not in budgets:
            assert min(budgets, key=lambda budget: budget or 0) == budgets[0]
        if granted.model_whitelist and limits.model_whitelist and granted.model_whitelist.allows(*model):
            assert limits.model_whitelist.allows(*model)


@given(LIMITS, HELD)
def test_an_admin_may_grant_exactly_their_own_limits_and_zero(granted: Limits, held: list[HeldLimits]) -> None:
    assert first_exceeded(Limits(), held) is None
    assert first_exceeded(granted, [HeldLimits(Scope(ScopeKind.GROUP, "g"), granted)]) is None


@given(LIMITS, HELD, HELD)
def test_an_additional_limit_never_allows_a_larger_grant(
    granted: Limits, held: list[HeldLimits], more: list[HeldLimits]
) -> None:
    if first_exceeded(granted, held) is not None:
        assert first_exceeded(granted, [*more, *held]) is not None
