"""Credit lines: how much an organization may add to its pool without an operator."""

from dataclasses import dataclass
from typing import Final

import grpc
from megarouter.admin.v1 import credit_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from admin_service.api.names import CREDIT_LINE, ResourceName
from gateway_core.model.ledger.transfers import Transfer
from gateway_core.stores.postgres.connections import Connection

_GET: Final = "SELECT line_nano_credits, used_nano_credits FROM credit_lines WHERE organization_id = $1"
_SET: Final = """
UPDATE credit_lines SET line_nano_credits = $2, user_id = $3, update_time = clock_timestamp() WHERE organization_id = $1
"""
_IS_POSTED: Final = """
SELECT EXISTS (SELECT FROM ledger_transfers WHERE organization_id = $1 AND idempotency_key = $2)
"""


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A credit line. Amounts are in nano-credits."""

    line: int | None
    """None: without a limit."""
    used: int

    @property
    def remaining(self) -> int | None:
        """What remains; None: without a limit."""
        return None if self.line is None else self.line - self.used


async def credit_line(connection: Connection, organization: str) -> CreditLine:
    """Returns the line of an organization that the transaction acts for.

    Raises:
        LookupError: there is no such organization.
    """
    row = await connection.fetchrow(_GET, organization)
    if row is None:
        raise LookupError("no such organization")
    return CreditLine(*row)


async def set_credit_line(connection: Connection, organization: str, line: int | None, operator: str) -> None:
    """Sets the line.

    Raises:
        AdminError: CREDIT_LINE_BELOW_USE.
    """
    used = (await credit_line(connection, organization)).used
    if line is not None and line < used:
        message = (
            "The organization used more of its line than that. Set at least what it used, which stops more top-ups."
        )
        metadata = {"usedNanoCredits": str(used)}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CREDIT_LINE_BELOW_USE, message, metadata)
    await connection.execute(_SET, organization, line, operator)


async def exceeds_line(connection: Connection, organization: str, transfer: Transfer) -> bool:
    """Whether a new transfer of credit to the pool exceeds the line. A transfer that was posted before does not.

    The caller holds the lock of the organization, so nothing else uses the line until the transaction ends.
    """
    remaining = (await credit_line(connection, organization)).remaining
    if remaining is None or transfer.pool_delta_nano_credits <= remaining or transfer.pool_delta_nano_credits < 0:
        return False
    return not await connection.fetchval(_IS_POSTED, organization, transfer.idempotency_key)


async def line_exceeded(connection: Connection, organization: str) -> AdminError:
    """Returns the error for credit that exceeds the line."""
    remaining = (await credit_line(connection, organization)).remaining
    message = "The amount exceeds what remains of the organization's credit line. Ask an operator for a grant or a larger line."
    metadata = {"remainingNanoCredits": str(remaining)}
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CREDIT_LINE_EXCEEDED, message, metadata)


def line_message(organization: str, line: CreditLine) -> credit_pb2.CreditLine:
    """Returns the line as a resource."""
    return credit_pb2.CreditLine(
        name=str(ResourceName(organization, CREDIT_LINE)),
        line_nano_credits=line.line or 0,
        is_unlimited=line.line is None,
        used_nano_credits=line.used,
    )
