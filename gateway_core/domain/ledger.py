"""Double entry: an immutable transfer moves one amount from the account it debits to the account it credits (INV-01)."""

import enum
from dataclasses import dataclass


class Account(enum.StrEnum):
    """The accounts of an organization."""

    CREDIT_POOL = "CREDIT_POOL"
    USAGE = "USAGE"
    TOP_UPS = "TOP_UPS"
    ADJUSTMENTS = "ADJUSTMENTS"


class TransferKind(enum.StrEnum):
    """Why money moves. Which accounts a kind may touch is enforced by the database."""

    TOP_UP = "TOP_UP"
    USAGE = "USAGE"
    ADJUSTMENT = "ADJUSTMENT"
    REFUND = "REFUND"
    CORRECTION = "CORRECTION"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer to be posted."""

    kind: TransferKind
    debit_account: Account
    credit_account: Account
    amount_nano_credits: int
    idempotency_key: str
    """Unique in the organization; posting the same transfer again changes nothing."""
    actor: str
    """Who causes it: a user, or a service."""
    reason: str = ""
    hold_id: str | None = None
    corrects_sequence: int | None = None

    @property
    def pool_delta_nano_credits(self) -> int:
        """By how much the organization's credit grows."""
        if self.credit_account is Account.CREDIT_POOL:
            return self.amount_nano_credits
        return -self.amount_nano_credits if self.debit_account is Account.CREDIT_POOL else 0


def usage_transfer(hold_id: str, charge_nano_credits: int) -> Transfer:
    """What a call costs, from the credit pool to usage."""
    return Transfer(
        TransferKind.USAGE,
        debit_account=Account.CREDIT_POOL,
        credit_account=Account.USAGE,
        amount_nano_credits=charge_nano_credits,
        idempotency_key=f"usage:{hold_id}",
        actor="usage_service",
        hold_id=hold_id,
    )


def top_up(amount_nano_credits: int, *, idempotency_key: str, actor: str, reason: str) -> Transfer:
    """Credit that was bought."""
    return Transfer(
        TransferKind.TOP_UP,
        debit_account=Account.TOP_UPS,
        credit_account=Account.CREDIT_POOL,
        amount_nano_credits=amount_nano_credits,
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
    )
