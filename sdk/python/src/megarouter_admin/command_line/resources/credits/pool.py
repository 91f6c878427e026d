"""The commands `megarouter credits` that show and move the pool."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    AdjustCreditRequest,
    CreditBalance,
    CreditLine,
    CreditPosting,
    CreditTransaction,
    GetCreditBalanceRequest,
    GetCreditLineRequest,
    GetCreditTransactionRequest,
    ListCreditTransactionsRequest,
    ListTopUpRequestsRequest,
    RefundCreditRequest,
    TopUpCreditRequest,
    TopUpRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.repeatable import AmountArgument, RequestIdOption, repeatable
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import counted, format_credits, parse_credits
from megarouter_admin.command_line.values.names import Collection
from megarouter_admin.command_line.values.times import parse_moment, timestamp

application = Section()

ReasonOption = Annotated[str, Option(metavar="TEXT", text="Reason, shown in the statement.")]
OverdraftOption = Annotated[bool, Option("--allow-overdraft", text="Take it even if the balance becomes negative.")]


def kind_of(kind: CreditTransaction.Kind.ValueType) -> str:
    """Returns the kind of a transaction for people, such as `top-up`."""
    return label(CreditTransaction.Kind.Name(kind), "KIND_")


def _facts(session: Session, balance: CreditBalance) -> list[tuple[str, str]]:
    return [
        ("balance", f"{format_credits(balance.balance_nano_credits)} credits"),
        ("held", f"{format_credits(balance.held_nano_credits)} credits"),
        ("as of", session.ago(balance.as_of_time)),
    ]


@command(application, "balance", "credits balance", "credits balance --at 2026-11-01")
def balance(session: Session, at: Annotated[str, Option(metavar="WHEN", text="A time in the past.")] = "") -> None:
    """Show the balance of the pool, and what running calls hold."""
    request = GetCreditBalanceRequest(name=f"{session.organization}/creditBalance")
    if at:
        request.as_of_time.CopyFrom(timestamp(parse_moment(at, session.now)))
    found = session.router.credits.GetCreditBalance(request)
    session.output.one(found, _facts(session, found))


def _show_move(session: Session, answer: object, kind: str, amount: int, after: CreditBalance) -> None:
    session.output.one(answer, [(kind, f"{format_credits(amount)} credits"), *_facts(session, after)])  # type: ignore[arg-type]


@command(application, "top-up", "credits top-up 500 --reason 'invoice 2026-11'")
def top_up(
    session: Session, amount: AmountArgument, reason: ReasonOption = "", request_id: RequestIdOption = ""
) -> None:
    """Add credit that was bought. Beyond the credit line it is a request that an operator decides."""
    with repeatable(session, request_id) as identified:
        request = TopUpCreditRequest(
            parent=session.organization, amount_nano_credits=parse_credits(amount), reason=reason, request_id=identified
        )
        answer = session.router.credits.TopUpCredit(request)
    if answer.HasField("top_up_request"):
        asked = answer.top_up_request
        if asked.state == TopUpRequest.STATE_PENDING:
            session.output.remark("the amount exceeds the credit line: an operator has to approve the request")
        facts = [
            ("request", asked.name),
            ("state", label(TopUpRequest.State.Name(asked.state), "STATE_")),
            ("requested", f"{format_credits(asked.amount_nano_credits)} credits"),
        ]
        session.output.one(answer, [*facts, *_facts(session, answer.balance)])
        return
    _show_move(session, answer, "added", answer.top_up.amount_nano_credits, answer.balance)


@command(application, "line", "credits line")
def line(session: Session) -> None:
    """Show the credit line: how much the organization may top up without an operator."""
    found = session.router.credits.GetCreditLine(GetCreditLineRequest(name=f"{session.organization}/creditLine"))
    session.output.one(found, line_facts(found))


def line_facts(line: CreditLine) -> list[tuple[str, str]]:
    """Returns what people read about a credit line."""
    if line.is_unlimited:
        return [("credit line", "unlimited"), ("used", f"{format_credits(line.used_nano_credits)} credits")]
    return [
        ("credit line", f"{format_credits(line.line_nano_credits)} credits"),
        ("used", f"{format_credits(line.used_nano_credits)} credits"),
        ("remaining", f"{format_credits(line.line_nano_credits - line.used_nano_credits)} credits"),
    ]


@command(application, "requests", "credits requests", "credits requests --filter 'state = PENDING'")
def requests(session: Session, filter_text: FilterOption = "", limit: LimitOption = 100) -> None:
    """List the top-ups beyond the credit line, newest first, and what operators decided."""
    request = ListTopUpRequestsRequest(parent=session.organization, filter=filter_text)
    found = session.listed(session.router.credits.ListTopUpRequests, request, "top_up_requests", limit)
    session.output.rows(request_columns(session), found, "no requests")


def request_columns(session: Session) -> list[Column[TopUpRequest]]:
    """Returns the columns of a table of top-up requests."""
    return [
        Column("request", lambda one: one.name.rpartition("/")[2]),
        Column("when", lambda one: session.ago(one.create_time)),
        Column("credits", lambda one: one.amount_nano_credits, Kind.AMOUNT),
        Column("by", lambda one: one.user_display_name or one.user),
        Column("reason", lambda one: one.reason),
        Column("state", lambda one: label(TopUpRequest.State.Name(one.state), "STATE_")),
        Column("decision", lambda one: one.decision_reason),
    ]


@command(
    application, "adjust", "credits adjust 10 --reason goodwill", "credits adjust -10 --reason 'wrong top-up' --yes"
)
def adjust(
    session: Session,
    amount: AmountArgument,
    reason: ReasonOption = "",
    request_id: RequestIdOption = "",
    *,
    overdraft: OverdraftOption = False,
    yes: YesOption = False,
) -> None:
    """Give credit without payment, or take it: a negative amount."""
    nano_credits = parse_credits(amount)
    if nano_credits < 0:
        confirm(f"Take {format_credits(-nano_credits)} credits from {session.organization}?", yes=yes)
    with repeatable(session, request_id) as identified:
        request = AdjustCreditRequest(
            parent=session.organization,
            amount_nano_credits=nano_credits,
            reason=reason,
            request_id=identified,
            allow_overdraft=overdraft,
        )
        answer = session.router.credits.AdjustCredit(request)
    _show_move(session, answer, "adjusted", answer.credit_transaction.amount_nano_credits, answer.balance)


@command(application, "refund", "credits refund 100 --reason 'returned' --yes")
def refund(
    session: Session,
    amount: AmountArgument,
    reason: ReasonOption = "",
    request_id: RequestIdOption = "",
    *,
    overdraft: OverdraftOption = False,
    yes: YesOption = False,
) -> None:
    """Record a refund of bought credit."""
    nano_credits = parse_credits(amount)
    confirm(f"Refund {format_credits(nano_credits)} credits of {session.organization}?", yes=yes)
    with repeatable(session, request_id) as identified:
        request = RefundCreditRequest(
            parent=session.organization,
            amount_nano_credits=nano_credits,
            reason=reason,
            request_id=identified,
            allow_overdraft=overdraft,
        )
        answer = session.router.credits.RefundCredit(request)
    _show_move(session, answer, "refunded", answer.credit_transaction.amount_nano_credits, answer.balance)


def _transaction_columns(session: Session) -> list[Column[CreditTransaction]]:
    return [
        Column("number", lambda one: one.ledger_sequence, Kind.NUMBER),
        Column("when", lambda one: session.ago(one.create_time)),
        Column("kind", lambda one: kind_of(one.kind)),
        Column("credits", lambda one: one.amount_nano_credits, Kind.AMOUNT),
        Column("by", lambda one: one.actor_display_name or one.actor),
        Column("reason", lambda one: one.reason),
    ]


@command(application, "transactions", "credits transactions", "credits transactions --oldest-first --limit 0")
def transactions(
    session: Session,
    limit: LimitOption = 100,
    *,
    oldest_first: Annotated[bool, Option("--oldest-first", text="Begin with the first transaction.")] = False,
) -> None:
    """List the transactions of the pool, newest first."""
    order_by = "ledger_sequence" if oldest_first else "ledger_sequence desc"
    request = ListCreditTransactionsRequest(parent=session.organization, order_by=order_by)
    found = session.listed(session.router.credits.ListCreditTransactions, request, "credit_transactions", limit)
    session.output.rows(_transaction_columns(session), found, "no transactions")
    moved = sum(one.amount_nano_credits for one in found)
    session.output.total(found, f"{counted(len(found), 'transaction')}, {format_credits(moved)} credits together")


@command(application, "transaction", "credits transaction 1042")
def transaction(
    session: Session, number: Annotated[str, Argument(metavar="NUMBER", text="Its number in the ledger.")]
) -> None:
    """Show a transaction, and what it changed in the accounts of the ledger."""
    name = session.name(Collection.CREDIT_TRANSACTIONS, number)
    found = session.router.credits.GetCreditTransaction(GetCreditTransactionRequest(name=name))
    facts = [
        ("number", str(found.ledger_sequence)),
        ("when", session.ago(found.create_time)),
        ("kind", kind_of(found.kind)),
        ("by", found.actor_display_name or found.actor),
        ("reason", found.reason),
        ("call", found.hold_id),
        ("corrects", found.corrected_transaction),
    ]
    facts += [
        (label(CreditPosting.Account.Name(one.account), "ACCOUNT_"), format_credits(one.amount_nano_credits))
        for one in found.postings
    ]
    session.output.one(found, [(name, value) for name, value in facts if value])
