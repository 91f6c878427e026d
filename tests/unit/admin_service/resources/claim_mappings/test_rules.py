"""What a sign-in makes of a member: claims give and take what they gave, and leave alone what was set by hand."""

import pytest

from admin_service.access.permissions import Role
from admin_service.resources.claim_mappings.rules import (
    LEFT_ALONE,
    Given,
    Holding,
    Outcome,
    Present,
    decide,
    values_of,
)

MEMBER, SALES = Holding(Role.MEMBER, "eng"), Holding(Role.MEMBER, "sales")
SUB, L1 = Holding(Role.SUB_ADMIN, "platform"), Holding(Role.L1_ADMIN, "eng")
NOTHING = Outcome(None, None)


def active(holding: Holding) -> Present:
    return Present(holding, "ACTIVE")


def suspended(holding: Holding) -> Present:
    return Present(holding, "SUSPENDED")


@pytest.mark.parametrize(
    ("wanted", "present", "given", "outcome"),
    [
        (None, None, None, NOTHING),
        (None, active(MEMBER), None, NOTHING),
        (SUB, None, None, Outcome(active(SUB), Given(SUB, None))),
        (SUB, active(MEMBER), None, Outcome(active(SUB), Given(SUB, MEMBER))),
        (SUB, active(SUB), None, Outcome(None, LEFT_ALONE)),
        (MEMBER, active(L1), None, Outcome(None, LEFT_ALONE)),
        (SALES, active(MEMBER), None, Outcome(None, LEFT_ALONE)),
        (SUB, suspended(MEMBER), None, Outcome(None, LEFT_ALONE)),
        (SUB, Present(MEMBER, "REMOVED"), None, Outcome(None, LEFT_ALONE)),
    ],
)
def test_the_first_claim_raises_and_never_lowers_resumes_or_readmits(
    wanted: Holding | None, present: Present | None, given: Given | None, outcome: Outcome
) -> None:
    assert decide(wanted, present, given) == outcome


@pytest.mark.parametrize(
    ("wanted", "present", "given", "outcome"),
    [
        (L1, active(SUB), Given(SUB, MEMBER), Outcome(active(L1), Given(L1, MEMBER))),
        (L1, active(SUB), Given(SUB, None), Outcome(active(L1), Given(L1, None))),
        (MEMBER, active(SUB), Given(SUB, None), Outcome(active(MEMBER), Given(MEMBER, None))),
        (MEMBER, active(L1), Given(L1, SUB), Outcome(active(SUB), LEFT_ALONE)),
        (None, active(SUB), Given(SUB, MEMBER), Outcome(active(MEMBER), None)),
        (
            None,
            active(SUB),
            Given(SUB, None),
            Outcome(suspended(Holding(Role.MEMBER, "platform")), Given(None, None)),
        ),
        (SUB, suspended(MEMBER), Given(None, None), Outcome(active(SUB), Given(SUB, None))),
    ],
)
def test_what_a_claim_gave_follows_the_claim(
    wanted: Holding | None, present: Present | None, given: Given | None, outcome: Outcome
) -> None:
    assert decide(wanted, present, given) == outcome


@pytest.mark.parametrize("given", [Given(SUB, None), Given(SUB, MEMBER), Given(None, None), LEFT_ALONE])
@pytest.mark.parametrize(
    "by_hand", [active(L1), active(SALES), suspended(SUB), Present(SUB, "REMOVED"), Present(MEMBER, "REMOVED")]
)
@pytest.mark.parametrize("wanted", [None, SUB, L1])
def test_what_was_set_by_hand_stays(wanted: Holding | None, by_hand: Present, given: Given) -> None:
    assert decide(wanted, by_hand, given) == Outcome(None, LEFT_ALONE if wanted else None)


def test_texts_and_lists_of_texts_can_be_mapped() -> None:
    claims = {
        "groups": ["a", "b", 3, None, "c\n"],
        "team": "x",
        "exp": 5,
        "email": "e@x",
        "name": "n",
        "deep": {"a": "b"},
    }
    assert values_of(claims) == [("groups", "a"), ("groups", "b"), ("team", "x")]


@pytest.mark.parametrize(
    "claims",
    [
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}},
        {"groups": [{"id": "a", "name": "b"}]},
        {"roles": {"a": True}},
        {"hasgroups": True},
        {"groups": ["x"] * 1_001},
    ],
)
def test_a_token_that_does_not_tell_all_groups_tells_nothing(claims: dict[str, object]) -> None:
    assert values_of(claims) is None
