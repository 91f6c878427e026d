"""The rules for accepting an invite."""

import dataclasses

import pytest

from admin_service.access.permissions import Actor, Role
from admin_service.resources.invites.rules import Invitation, Outcome, accept

L1 = Actor("acme", "l1", Role.L1_ADMIN, ("eng",))
SUPER = Actor("acme", "super", Role.SUPER_ADMIN, ())
GOOD = Invitation(Role.MEMBER, ("eng", "platform"), group_is_deleted=False, inviter=L1, is_open=True, uses_left=1)
ADDRESS = "ada@example.org"


def outcome(
    invitation: Invitation = GOOD, email: str | None = ADDRESS, state: str | None = None, *, has_free_seat: bool = True
) -> Outcome:
    return accept(invitation, email, state, has_free_seat=has_free_seat)


def but(**changes: object) -> Invitation:
    return dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type] # fields of the invite


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, Outcome.JOINS),
        ("REMOVED", Outcome.REJOINS),
        ("ACTIVE", Outcome.IS_MEMBER),
        ("SUSPENDED", Outcome.MEMBER_SUSPENDED),
    ],
)
def test_the_outcome_depends_on_the_users_membership(state: str | None, expected: Outcome) -> None:
    assert outcome(state=state) is expected


@pytest.mark.parametrize(
    "invitation",
    [
        but(is_open=False),
        but(group_is_deleted=True),
        but(inviter=None),
        but(inviter=dataclasses.replace(L1, role=Role.MEMBER)),
        but(inviter=dataclasses.replace(L1, group_path=("sales",))),
        but(role=Role.L1_ADMIN, group_path=("eng",)),
        but(role=Role.SUB_ADMIN, group_path=("eng",)),
        but(inviter=SUPER, role=Role.L1_ADMIN),
        but(inviter=SUPER, role=Role.SUPER_ADMIN),
    ],
)
@pytest.mark.parametrize("state", [None, "ACTIVE", "SUSPENDED", "REMOVED"])
def test_an_invite_is_invalid_if_its_inviter_could_not_create_it_now(invitation: Invitation, state: str | None) -> None:
    assert outcome(invitation, state=state) is Outcome.INVALID


@pytest.mark.parametrize("state", [None, "SUSPENDED", "REMOVED"])
def test_a_used_up_invite_is_valid_only_for_members(state: str | None) -> None:
    assert outcome(but(uses_left=0), state=state) is Outcome.INVALID
    assert outcome(but(uses_left=0), state="ACTIVE") is Outcome.IS_MEMBER


@pytest.mark.parametrize("email", [ADDRESS, "Ada@Example.ORG"])
def test_an_invite_for_an_address_ignores_case(email: str) -> None:
    assert outcome(but(email=ADDRESS), email) is Outcome.JOINS
    assert outcome(but(email_domain="example.org"), email) is Outcome.JOINS


@pytest.mark.parametrize("email", [None, "", "bob@example.com", "ada@example.org.evil.com", "ada@sub.example.org"])
@pytest.mark.parametrize("state", [None, "ACTIVE", "SUSPENDED", "REMOVED"])
def test_an_invite_for_an_address_is_refused_for_others(email: str | None, state: str | None) -> None:
    assert outcome(but(email=ADDRESS), email, state) is Outcome.ADDRESS_MISMATCH
    assert outcome(but(email_domain="example.org"), email, state) is Outcome.ADDRESS_MISMATCH


def test_a_domain_in_the_local_part_does_not_match() -> None:
    assert outcome(but(email_domain="example.org"), '"x@example.org"@evil.com') is Outcome.ADDRESS_MISMATCH


def test_a_new_member_needs_a_seat() -> None:
    assert outcome(has_free_seat=False) is Outcome.NO_SEAT
    assert outcome(state="REMOVED", has_free_seat=False) is Outcome.NO_SEAT


def test_a_member_with_a_seat_needs_no_other() -> None:
    assert outcome(state="ACTIVE", has_free_seat=False) is Outcome.IS_MEMBER
