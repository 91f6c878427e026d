"""What becomes of an invite when somebody wants to accept it (INV-14: rights count at the moment of acceptance)."""

import enum
from dataclasses import dataclass

from admin_service.access.permissions import Actor, Role, fits, may_grant


class Outcome(enum.Enum):
    """What accepting does, or why it fails."""

    JOINS = "joins"
    """The user becomes a member."""
    REJOINS = "rejoins"
    """The user was removed and becomes a member again."""
    IS_MEMBER = "is_member"
    """The user is an active member already: nothing is changed."""
    INVALID = "invalid"
    """The invite cannot be used."""
    ADDRESS_MISMATCH = "address_mismatch"
    """It is for another address."""
    MEMBER_SUSPENDED = "member_suspended"
    """The user is suspended: an invite does not undo what an admin did."""
    NO_SEAT = "no_seat"
    """Every seat is taken."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invite as it stands now."""

    role: Role
    group_path: tuple[str, ...]
    """Empty: above all groups."""
    group_is_deleted: bool
    inviter: Actor | None
    """As a member now; None when not an active one any more."""
    is_open: bool
    """Neither revoked nor expired."""
    uses_left: int
    email: str | None = None
    """The only address that may accept, in lower case; None: bound to none."""
    email_domain: str | None = None
    """The only domain, in lower case; None: bound to none."""

    @property
    def is_good(self) -> bool:
        """Whether the inviter could still make this very invite, and nobody took it back. Uses are not looked at."""
        return (
            self.is_open
            and not self.group_is_deleted
            and self.inviter is not None
            and may_grant(self.inviter, self.role, self.group_path)
            and fits(self.role, self.group_path)
        )

    def is_for(self, email: str | None) -> bool:
        """Whether a user with this verified address may accept. Who has none matches no binding."""
        if self.email is None and self.email_domain is None:
            return True
        if email is None:
            return False
        address = email.lower()
        return address == self.email or (
            self.email_domain is not None and address.rpartition("@")[2] == self.email_domain
        )


def accept(invitation: Invitation, email: str | None, member_state: str | None, *, has_free_seat: bool) -> Outcome:
    """What happens when a user accepts.

    Args:
        invitation: as it stands now.
        email: the user's verified address; None without one.
        member_state: `ACTIVE`, `SUSPENDED`, `REMOVED`; None for somebody who never was a member.
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
