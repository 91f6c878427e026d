"""`megarouter.admin.v1.Credits`."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import credit_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.errors import AdminError, FieldViolation
from admin_service.guard import Caller, Handle, Rule
from admin_service.resource_names import CREDIT_BALANCE, ResourceName
from admin_service.timestamps import timestamp
from gateway_core.domain.ledger import top_up
from gateway_core.edges.postgres.connections import Connection
from gateway_core.edges.postgres.ledger_store import IdempotencyConflictError, PostedTransfer, post_transfers

MAX_TOP_UP_NANO_CREDITS: Final = 10**18
MAX_REASON_CHARACTERS: Final = 200
_UUID_VERSION: Final = 4

# One statement, so that the sequence is the one the balance is true for.
_BALANCE: Final = """
SELECT h.sequence, a.balance_nano_credits,
       (SELECT coalesce(sum(amount_nano_credits), 0)::bigint FROM holds
         WHERE organization_id = $1 AND state = 'HELD') AS held_nano_credits
  FROM ledger_heads h
  JOIN ledger_accounts a ON a.organization_id = h.organization_id AND a.account = 'CREDIT_POOL'
 WHERE h.organization_id = $1
"""


class CreditsApi:
    """The credit pool of an organization."""

    service = credit_pb2.DESCRIPTOR.services_by_name["Credits"]

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.handlers: Mapping[str, Handle] = {"GetCreditBalance": self.get_balance, "TopUpCredit": self.top_up}
        self.rules: Mapping[str, Rule] = {"TopUpCredit": _check_top_up}

    async def get_balance(
        self, _request: credit_pb2.GetCreditBalanceRequest, caller: Caller
    ) -> credit_pb2.CreditBalance:
        """GetCreditBalance."""
        async with self._pool.acquire() as connection:
            return await _balance(connection, caller.resource.organization)

    async def top_up(self, request: credit_pb2.TopUpCreditRequest, caller: Caller) -> credit_pb2.TopUpCreditResponse:
        """TopUpCredit. The ledger's unique key makes it idempotent, for each caller by itself (INV-15)."""
        organization = caller.resource.organization
        transfer = top_up(
            request.amount_nano_credits,
            idempotency_key=f"top-up:{caller.user}:{uuid.UUID(request.request_id)}",
            actor=f"users/{caller.user}",
            reason=request.reason,
        )
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                (posted,) = await post_transfers(connection, organization, [transfer])
                return credit_pb2.TopUpCreditResponse(
                    top_up=await _top_up_message(connection, organization, posted),
                    balance=await _balance(connection, organization),
                )
        except IdempotencyConflictError as error:
            message = "The request id was used before for another top-up: make a new one for a new top-up."
            raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.REQUEST_ID_REUSED, message) from error
        except asyncpg.NumericValueOutOfRangeError as error:
            message = "The balance would exceed what the ledger can hold."
            raise AdminError(grpc.StatusCode.OUT_OF_RANGE, ErrorReason.BALANCE_OUT_OF_RANGE, message) from error


async def _balance(connection: Connection, organization: str) -> credit_pb2.CreditBalance:
    row = await connection.fetchrow(_BALANCE, organization)
    if row is None:
        raise LookupError("the organization has no ledger")
    return credit_pb2.CreditBalance(
        name=str(ResourceName(organization, CREDIT_BALANCE)),
        balance_nano_credits=row["balance_nano_credits"],
        held_nano_credits=row["held_nano_credits"],
        ledger_sequence=row["sequence"],
    )


async def _top_up_message(connection: Connection, organization: str, posted: PostedTransfer) -> credit_pb2.TopUp:
    create_time = await connection.fetchval(
        "SELECT create_time FROM ledger_transfers WHERE organization_id = $1 AND sequence = $2",
        organization,
        posted.sequence,
    )
    return credit_pb2.TopUp(
        ledger_sequence=posted.sequence,
        amount_nano_credits=posted.transfer.amount_nano_credits,
        reason=posted.transfer.reason,
        create_time=timestamp(create_time),
    )


def _check_top_up(request: credit_pb2.TopUpCreditRequest) -> Iterable[FieldViolation]:
    if not 1 <= request.amount_nano_credits <= MAX_TOP_UP_NANO_CREDITS:
        yield FieldViolation("amount_nano_credits", f"must be 1 to {MAX_TOP_UP_NANO_CREDITS}")
    if not _is_uuid4(request.request_id):
        yield FieldViolation("request_id", "must be a UUID of version 4, such as f47ac10b-58cc-4372-a567-0e02b2c3d479")
    if len(request.reason) > MAX_REASON_CHARACTERS:
        yield FieldViolation("reason", f"must have at most {MAX_REASON_CHARACTERS} characters")
    if "\0" in request.reason:
        yield FieldViolation("reason", "must not contain the character NUL")


def _is_uuid4(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return parsed.version == _UUID_VERSION and str(parsed) == text.lower()
