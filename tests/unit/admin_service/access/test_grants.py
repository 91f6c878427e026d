"""An admin cannot grant more than they hold."""

import pytest

from admin_service.access.grants import HeldLimits, Limits, first_exceeded, is_bounded, scopes_above
from admin_service.access.permissions import Actor, Role, Target, TargetKind
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import GuardrailMode
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.organization.scopes import Scope, ScopeKind

GROUP = Scope(ScopeKind.GROUP, "eng")
ORGANIZATION = Scope(ScopeKind.ORGANIZATION, "acme")


def held(scope: Scope = GROUP, mode: GuardrailMode = GuardrailMode.ENFORCE, **limits: object) -> HeldLimits:
    return HeldLimits(scope, Limits(**limits), mode)  # type: ignore[arg-type] # each test passes valid fields


def actor(role: Role, *path: str) -> Actor:
    return Actor("acme", "anna", role, path)


@pytest.mark.parametrize(("budget", "exceeds"), [(99, False), (100, False), (101, True)])
def test_a_granted_budget_may_equal_the_granters_budget(budget: int, exceeds: bool) -> None:  # noqa: FBT001
    granted = Limits(budget_nano_credits=budget)
    assert (first_exceeded(granted, [held(budget_nano_credits=100)]) == GROUP) == exceeds


def test_budgets_of_other_cycles_are_not_compared() -> None:
    granted = Limits(budget_nano_credits=101, cycle=Cycle.DAILY)
    assert first_exceeded(granted, [held(budget_nano_credits=100, cycle=Cycle.MONTHLY)]) is None


def test_the_first_exceeded_limit_is_named() -> None:
    granted = Limits(budget_nano_credits=101, key_limit=2)
    assert first_exceeded(granted, [held(budget_nano_credits=200), held(ORGANIZATION, key_limit=1)]) == ORGANIZATION


def test_a_prefix_ends_at_a_segment() -> None:
    own = held(model_whitelist=parse_whitelist(["bedrock/*"]))
    assert first_exceeded(Limits(model_whitelist=parse_whitelist(["bedrockz/a"])), [own]) == GROUP
    assert first_exceeded(Limits(model_whitelist=parse_whitelist(["bedrock/a", "bedrock/b/*"])), [own]) is None


def test_shadow_mode_does_not_bind_call_limits_but_binds_key_limits() -> None:
    shadow = held(mode=GuardrailMode.SHADOW, budget_nano_credits=1, key_limit=1, model_whitelist=parse_whitelist([]))
    whitelist = parse_whitelist(["a"])
    assert first_exceeded(Limits(budget_nano_credits=2, model_whitelist=whitelist), [shadow]) is None
    assert first_exceeded(Limits(key_limit=2), [shadow]) == GROUP


def test_a_grant_without_limits_exceeds_nothing() -> None:
    own = held(budget_nano_credits=1, key_limit=1, model_whitelist=parse_whitelist([]))
    assert first_exceeded(Limits(), [own]) is None


def test_the_granters_group_and_all_groups_above_bind() -> None:
    assert scopes_above(actor(Role.SUB_ADMIN, "eng", "platform")) == (
        Scope(ScopeKind.GROUP, "platform"),
        GROUP,
        ORGANIZATION,
    )


@pytest.mark.parametrize(
    ("role", "kind", "member", "bounded"),
    [
        (Role.SUPER_ADMIN, TargetKind.PERSON, "ben", False),
        (Role.L1_ADMIN, TargetKind.PERSON, "ben", True),
        (Role.L1_ADMIN, TargetKind.GROUP, None, True),
        (Role.SUB_ADMIN, TargetKind.BELONGING, "ben", True),
        (Role.SUB_ADMIN, TargetKind.BELONGING, "anna", False),
        (Role.MEMBER, TargetKind.BELONGING, "anna", False),
    ],
)
def test_limits_bind_group_admins_but_no_one_for_their_own_keys(
    role: Role,
    kind: TargetKind,
    member: str | None,
    bounded: bool,  # noqa: FBT001
) -> None:
    assert is_bounded(actor(role, "eng"), Target("acme", kind, ("eng",), member)) == bounded
