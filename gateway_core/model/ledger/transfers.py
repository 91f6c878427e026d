"""Double entry: an immutable transfer moves one amount from the account it debits to the account it credits (INV-01)."""

import enum

from gateway_core.model.record_decorator import record


class Account(enum.StrEnum):
    """The ledger accounts of an organization."""

    CREDIT_POOL = "CREDIT_POOL"
    USAGE = "USAGE"
    TOP_UPS = "TOP_UPS"
    ADJUSTMENTS = "ADJUSTMENTS"


class TransferKind(enum.StrEnum):
    """Why credit moves. The database enforces which accounts each kind may touch."""

    TOP_UP = "TOP_UP"
    USAGE = "USAGE"
    ADJUSTMENT = "ADJUSTMENT"
    REFUND = "REFUND"
    CORRECTION = "CORRECTION"


@record(frozen=True, slots=True)
class Transfer:
    """A transfer to be posted."""

    kind: TransferKind
    debit_account: Account
    credit_account: Account
    amount_nano_credits: int
    idempotency_key: str
    """Unique in the organization; posting the same transfer again changes nothing."""
    actor: str
    """The user or the service that causes it."""
    reason: str = ""
    hold_id: str | None = None
    corrects_sequence: int | None = None

    @property
    def pool_delta_nano_credits(self) -> int:
        """By how many nano-credits the organization's credit grows."""
        if self.credit_account is Account.CREDIT_POOL:
            return self.amount_nano_credits
        return -self.amount_nano_credits if self.debit_account is Account.CREDIT_POOL else 0


def usage_transfer(hold_id: str, charge_nano_credits: int) -> Transfer:
    """Returns the transfer that charges a call, from the credit pool to usage."""
    return Transfer(
        TransferKind.USAGE,
        debit_account=Account.CREDIT_POOL,
        credit_account=Account.USAGE,
        amount_nano_credits=charge_nano_credits,
        idempotency_key=f"usage:{hold_id}",
        actor="usage_service",
        hold_id=hold_id,
    )


def usage_correction(hold_id: str, delta_nano_credits: int, corrects_sequence: int | None) -> Transfer:
    """Returns the transfer that corrects the charge of an expired hold to the actual price of its call.

    Args:
        hold_id: the hold.
        delta_nano_credits: actual price minus charge; positive if the call costs more. Not zero.
        corrects_sequence: the sequence number of the charge to correct; None if nothing was charged.
    """
    costs_more = delta_nano_credits > 0
    return Transfer(
        TransferKind.CORRECTION,
        debit_account=Account.CREDIT_POOL if costs_more else Account.USAGE,
        credit_account=Account.USAGE if costs_more else Account.CREDIT_POOL,
        amount_nano_credits=abs(delta_nano_credits),
        idempotency_key=f"correction:{hold_id}",
        actor="usage_service",
        hold_id=hold_id,
        corrects_sequence=corrects_sequence,
    )


def top_up(amount_nano_credits: int, *, idempotency_key: str, actor: str, reason: str) -> Transfer:
    """Returns the transfer of credit that the organization bought."""
    return Transfer(
        TransferKind.TOP_UP,
        debit_account=Account.TOP_UPS,
        credit_account=Account.CREDIT_POOL,
        amount_nano_credits=amount_nano_credits,
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
    )


def adjustment(amount_nano_credits: int, *, idempotency_key: str, actor: str, reason: str) -> Transfer:
    """Returns the transfer that grants credit without payment, or withdraws it if the amount is negative. Not zero."""
    gives = amount_nano_credits > 0
    return Transfer(
        TransferKind.ADJUSTMENT,
        debit_account=Account.ADJUSTMENTS if gives else Account.CREDIT_POOL,
        credit_account=Account.CREDIT_POOL if gives else Account.ADJUSTMENTS,
        amount_nano_credits=abs(amount_nano_credits),
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
    )


def refund(amount_nano_credits: int, *, idempotency_key: str, actor: str, reason: str) -> Transfer:
    """Returns the transfer of bought credit that is paid back."""
    return Transfer(
        TransferKind.REFUND,
        debit_account=Account.CREDIT_POOL,
        credit_account=Account.TOP_UPS,
        amount_nano_credits=amount_nano_credits,
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
    )
