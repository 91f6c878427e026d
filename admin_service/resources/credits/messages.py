"""Converts credit to messages, and checks requests about credit."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import credit_pb2
from megarouter.admin.v1.credit_pb2 import CreditPosting, CreditTransaction, TopUpRequest
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.api.errors import FieldViolation
from admin_service.api.names import (
    CREDIT_BALANCE,
    CREDIT_STATEMENT,
    CREDIT_TRANSACTIONS,
    TOP_UP_REQUESTS,
    ResourceName,
    UserResourceName,
)
from admin_service.api.timestamps import timestamp
from admin_service.resources.credits.request_store import TopUpRequestRow
from admin_service.resources.credits.statement_shares import BY_GROUP, BY_MEMBER, Division, StatementShare
from admin_service.resources.credits.store import CreditState, PastBalance, Statement, TransactionRow
from gateway_core.model.ledger.transfers import Account, TransferKind

MAX_STATEMENT: Final = dt.timedelta(days=400)

_KINDS: Final = {
    TransferKind.TOP_UP: CreditTransaction.KIND_TOP_UP,
    TransferKind.USAGE: CreditTransaction.KIND_USAGE,
    TransferKind.ADJUSTMENT: CreditTransaction.KIND_ADJUSTMENT,
    TransferKind.REFUND: CreditTransaction.KIND_REFUND,
    TransferKind.CORRECTION: CreditTransaction.KIND_CORRECTION,
}

_ACCOUNTS: Final = {
    Account.CREDIT_POOL: CreditPosting.ACCOUNT_CREDIT_POOL,
    Account.USAGE: CreditPosting.ACCOUNT_USAGE,
    Account.TOP_UPS: CreditPosting.ACCOUNT_TOP_UPS,
    Account.ADJUSTMENTS: CreditPosting.ACCOUNT_ADJUSTMENTS,
}

DIVISIONS: Final[Mapping[int, Division]] = {
    credit_pb2.CreditStatement.BREAKDOWN_GROUP: BY_GROUP,
    credit_pb2.CreditStatement.BREAKDOWN_MEMBER: BY_MEMBER,
}


def balance_message(organization: str, state: CreditState) -> credit_pb2.CreditBalance:
    """Returns the balance now."""
    return credit_pb2.CreditBalance(
        name=str(ResourceName(organization, CREDIT_BALANCE)),
        balance_nano_credits=state.balance,
        held_nano_credits=state.held,
        ledger_sequence=state.sequence,
    )


def past_balance_message(organization: str, past: PastBalance, as_of: dt.datetime) -> credit_pb2.CreditBalance:
    """Returns the balance at a past time."""
    return credit_pb2.CreditBalance(
        name=str(ResourceName(organization, CREDIT_BALANCE)),
        balance_nano_credits=past.balance_nano_credits,
        ledger_sequence=past.sequence,
        as_of_time=timestamp(as_of),
    )


def statement_message(
    organization: str,
    start: dt.datetime,
    end: dt.datetime,
    statement: Statement,
    shares: Iterable[StatementShare],
) -> credit_pb2.CreditStatement:
    """Returns a statement over a period."""
    return credit_pb2.CreditStatement(
        name=str(ResourceName(organization, CREDIT_STATEMENT)),
        time_range=TimeRange(start_time=timestamp(start), end_time=timestamp(end)),
        opening_balance_nano_credits=statement.opening_balance,
        entries=[
            credit_pb2.CreditStatementEntry(
                kind=_KINDS[entry.kind],
                transaction_count=entry.transfer_count,
                amount_nano_credits=entry.amount_nano_credits,
            )
            for entry in statement.entries
        ],
        closing_balance_nano_credits=statement.closing_balance,
        shares=[
            credit_pb2.CreditStatementShare(
                scope=share.scope or "",
                scope_display_name=share.display_name,
                transaction_count=share.transfer_count,
                amount_nano_credits=share.amount_nano_credits,
                is_remainder=share.is_remainder,
            )
            for share in shares
        ],
    )


def transaction_message(organization: str, row: TransactionRow) -> CreditTransaction:
    """Returns one transfer as a credit transaction."""
    return CreditTransaction(
        name=_transaction_name(organization, row.sequence),
        ledger_sequence=row.sequence,
        kind=_KINDS[row.kind],
        amount_nano_credits=row.amount_nano_credits,
        actor=row.actor,
        reason=row.reason,
        hold_id=row.hold_id or "",
        create_time=timestamp(row.create_time),
        actor_display_name=row.actor_name,
        postings=[
            CreditPosting(account=_ACCOUNTS[row.debit_account], amount_nano_credits=-row.transferred_nano_credits),
            CreditPosting(account=_ACCOUNTS[row.credit_account], amount_nano_credits=row.transferred_nano_credits),
        ],
        corrected_transaction=_transaction_name(organization, row.corrects_sequence) if row.corrects_sequence else "",
    )


def _transaction_name(organization: str, sequence: int) -> str:
    return str(ResourceName(organization, CREDIT_TRANSACTIONS, str(sequence)))


def request_message(row: TopUpRequestRow) -> TopUpRequest:
    """Returns the request as a resource."""
    message = TopUpRequest(
        name=str(ResourceName(row.organization, TOP_UP_REQUESTS, row.top_up_request)),
        amount_nano_credits=row.amount_nano_credits,
        reason=row.reason,
        state=TopUpRequest.State.Value(f"STATE_{row.state}"),
        user=str(UserResourceName(row.user)),
        create_time=timestamp(row.create_time),
        decider=str(UserResourceName(row.decider)) if row.decider else "",
        decision_reason=row.decision_reason,
        user_display_name=row.user_display_name,
    )
    if row.decide_time:
        message.decide_time.CopyFrom(timestamp(row.decide_time))
    return message


def instant_of(message: Timestamp) -> dt.datetime:
    """Returns the time, truncated to microseconds. `_is_instant` made sure that the message is in range."""
    return message.ToDatetime(tzinfo=dt.UTC)


def check_balance(request: credit_pb2.GetCreditBalanceRequest) -> Iterable[FieldViolation]:
    """Checks the requested time."""
    if request.HasField("as_of_time") and not _is_instant(request.as_of_time):
        yield FieldViolation("as_of_time", "must be between the years 1 and 9999")


def check_statement(request: credit_pb2.GetCreditStatementRequest) -> Iterable[FieldViolation]:
    """Checks the requested period."""
    time_range = request.time_range
    if not time_range.HasField("start_time"):
        yield FieldViolation("time_range", "must have a start")
    elif not (_is_instant(time_range.start_time) and _is_instant(time_range.end_time)):
        yield FieldViolation("time_range", "must be between the years 1 and 9999")
    elif time_range.HasField("end_time"):
        yield from span_violations(instant_of(time_range.start_time), instant_of(time_range.end_time))


def span_violations(start: dt.datetime, end: dt.datetime) -> Iterable[FieldViolation]:
    """Returns what is wrong with the period of a statement."""
    if not dt.timedelta(0) <= end - start <= MAX_STATEMENT:
        yield FieldViolation(
            "time_range", f"must not end before it starts, or span more than {MAX_STATEMENT.days} days"
        )


def _is_instant(message: Timestamp) -> bool:
    try:
        instant_of(message)
    except (ValueError, OverflowError):
        return False
    return True
