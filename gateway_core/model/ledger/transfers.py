"""Double entry: an immutable transfer moves one amount from the account it debits to the account it credits (INV-01)."""

import enum

from gateway_core.model.records import record


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


def usage_correction(hold_id: str, delta_nano_credits: int, corrects_sequence: int | None) -> Transfer:
    """What a call costs more, or with a negative amount less, than its expired hold was charged. The amount is not zero.

    Args:
        hold_id: the hold.
        delta_nano_credits: the difference.
        corrects_sequence: the number of the charge that is corrected; None where nothing had been charged.
    """
    dearer = delta_nano_credits > 0
    return Transfer(
        TransferKind.CORRECTION,
        debit_account=Account.CREDIT_POOL if dearer else Account.USAGE,
        credit_account=Account.USAGE if dearer else Account.CREDIT_POOL,
        amount_nano_credits=abs(delta_nano_credits),
        idempotency_key=f"correction:{hold_id}",
        actor="usage_service",
        hold_id=hold_id,
        corrects_sequence=corrects_sequence,
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


def adjustment(amount_nano_credits: int, *, idempotency_key: str, actor: str, reason: str) -> Transfer:
    """Credit given without payment, or, with a negative amount, taken away. The amount is not zero."""
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
    """Credit that was bought and is paid back."""
    return Transfer(
        TransferKind.REFUND,
        debit_account=Account.CREDIT_POOL,
        credit_account=Account.TOP_UPS,
        amount_nano_credits=amount_nano_credits,
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
    )
