"""Decides what happens when a user accepts an invite (INV-14: rights count at the time of acceptance)."""

import enum
from dataclasses import dataclass

from admin_service.access.permissions import Actor, Role, fits, may_grant


class Outcome(enum.Enum):
    """The result of accepting an invite."""

    JOINS = "joins"
    """The user becomes a member."""
    REJOINS = "rejoins"
    """The user was removed and becomes a member again."""
    IS_MEMBER = "is_member"
    """The user is already an active member: nothing changes."""
    INVALID = "invalid"
    """The invite cannot be used."""
    ADDRESS_MISMATCH = "address_mismatch"
    """The invite is for another address."""
    MEMBER_SUSPENDED = "member_suspended"
    """The user is suspended, and an invite does not override an admin."""
    NO_SEAT = "no_seat"
    """All seats are taken."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invite in its present state."""

    role: Role
    group_path: tuple[str, ...]
    """Empty for the top of the organization."""
    group_is_deleted: bool
    inviter: Actor | None
    """The member who invited, with their present rights; None if no longer active."""
    is_open: bool
    """Neither revoked nor expired."""
    uses_left: int
    email: str | None = None
    """The only address that may accept, in lower case; None for any."""
    email_domain: str | None = None
    """The only domain that may accept, in lower case; None for any."""

    @property
    def is_good(self) -> bool:
        """Whether the invite is open and the inviter could still create it. Uses are not considered."""
        return (
            self.is_open
            and not self.group_is_deleted
            and self.inviter is not None
            and may_grant(self.inviter, self.role, self.group_path)
            and fits(self.role, self.group_path)
        )

    def is_for(self, email: str | None) -> bool:
        """Whether a user with this verified address may accept. A user without one may accept only an unbound invite."""
        if self.email is None and self.email_domain is None:
            return True
        if email is None:
            return False
        address = email.lower()
        return address == self.email or (
            self.email_domain is not None and address.rpartition("@")[2] == self.email_domain
        )


def accept(invitation: Invitation, email: str | None, member_state: str | None, *, has_free_seat: bool) -> Outcome:
    """Returns what happens when a user accepts.

    Args:
        invitation: in its present state.
        email: the user's verified address; None if there is none.
        member_state: `ACTIVE`, `SUSPENDED` or `REMOVED`; None for a user who was never a member.
        has_free_seat: whether the organization has room for one more member.
    """
    is_member = member_state == "ACTIVE"
    if not invitation.is_good or (invitation.uses_left <= 0 and not is_member):
        return Outcome.INVALID
    if not invitation.is_for(email):
        return Outcome.ADDRESS_MISMATCH
    if is_member:
        return Outcome.IS_MEMBER
    if member_state == "SUSPENDED":
        return Outcome.MEMBER_SUSPENDED
    if not has_free_seat:
        return Outcome.NO_SEAT
    return Outcome.REJOINS if member_state == "REMOVED" else Outcome.JOINS
