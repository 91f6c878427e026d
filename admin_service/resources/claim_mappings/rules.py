"""Decides what the claims of a sign-in change: what claims gave follows them, and what was set by hand stays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from admin_service.access.permissions import Role, is_below

MAX_VALUES: Final = 1_000
"""A token with more values changes nothing."""

UNUSABLE: Final = frozenset(
    {
        *("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "sid", "at_hash", "c_hash", "auth_time"),
        *("email", "email_verified", "name", "given_name", "family_name", "middle_name", "nickname"),
        *("preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale"),
        *("phone_number", "phone_number_verified", "address", "updated_at", "_claim_names", "_claim_sources"),
        *("upn", "unique_name", "login_hint"),
    }
)
"""Claims about the token, those that a person can choose at many identity providers, and names that a later person may get."""

_CLAIMS_OF_GROUPS: Final = frozenset({"groups", "roles"})


@dataclass(frozen=True, slots=True)
class Holding:
    """A role and a group."""

    role: Role
    group: str | None


@dataclass(frozen=True, slots=True)
class Present:
    """A member as they are."""

    holding: Holding
    state: str
    """ACTIVE, SUSPENDED or REMOVED."""


@dataclass(frozen=True, slots=True)
class Given:
    """What claims gave to a member."""

    holding: Holding | None
    """None: the claims are gone, and they suspended the member."""
    base: Holding | None
    """What the member had by hand; None if the claims made the user a member."""
    is_overridden: bool = False
    """An admin set something by hand, so claims leave the member alone until they are gone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a member. None leaves it as it is."""

    member: Present | None
    """The member as they become, new or changed."""
    given: Given | None
    """What is remembered; None to forget it."""


LEFT_ALONE: Final = Given(None, None, is_overridden=True)


def decide(wanted: Holding | None, present: Present | None, given: Given | None) -> Outcome:
    """Returns what a sign-in makes of a member.

    Args:
        wanted: the highest role that its claims map to; None for nothing.
        present: the member; None if the user never was one.
        given: what earlier sign-ins gave; None for nothing.
    """
    if given is None or present is None:
        return _first(wanted, present)
    if given.is_overridden or not _is_untouched(present, given):
        return Outcome(None, LEFT_ALONE if wanted else None)
    if wanted is None:
        if given.base:
            return Outcome(Present(given.base, "ACTIVE"), None)
        suspended = Present(Holding(Role.MEMBER, present.holding.group), "SUSPENDED")
        return Outcome(suspended, replace(given, holding=None))
    if given.base and not is_below(given.base.role, wanted.role):
        return Outcome(Present(given.base, "ACTIVE"), LEFT_ALONE)
    return Outcome(Present(wanted, "ACTIVE"), replace(given, holding=wanted))


def _first(wanted: Holding | None, present: Present | None) -> Outcome:
    if wanted is None:
        return Outcome(None, None)
    if present is None:
        return Outcome(Present(wanted, "ACTIVE"), Given(wanted, None))
    if present.state != "ACTIVE" or not is_below(present.holding.role, wanted.role):
        return Outcome(None, LEFT_ALONE)
    return Outcome(Present(wanted, "ACTIVE"), Given(wanted, present.holding))


def _is_untouched(present: Present, given: Given) -> bool:
    """Whether the member is as the claims left them."""
    if given.holding is None:
        return present.state == "SUSPENDED" and present.holding.role is Role.MEMBER
    return present == Present(given.holding, "ACTIVE")


def values_of(claims: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Returns names and values of the claims that can be mapped: texts, and lists of texts.

    Returns None if the token does not tell all of them, so that nothing is concluded from what is missing: the provider left out a
    list that is too long (`_claim_names`, `hasgroups`), writes groups in another form, or there are more than 1,000 values.
    """
    if "_claim_names" in claims or claims.get("hasgroups"):
        return None
    if any(_has_parts(claims.get(name)) for name in _CLAIMS_OF_GROUPS):
        return None
    pairs = [
        (name, value)
        for name, content in claims.items()
        if name not in UNUSABLE
        for value in (content if isinstance(content, list) else [content])
        if isinstance(value, str) and value.isprintable()
    ]
    return pairs if len(pairs) <= MAX_VALUES else None


def _has_parts(content: object) -> bool:
    """Whether a claim is an object, or a list with objects or lists, so that its values cannot be told."""
    return isinstance(content, dict) or (
        isinstance(content, list) and any(isinstance(one, dict | list) for one in content)
    )
