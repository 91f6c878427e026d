"""Balances at past times, transactions and statements."""

import asyncio
import datetime as dt
import json
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import credit_pb2
from megarouter.admin.v1.credit_pb2 import CreditPosting, CreditTransaction
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.api.timestamps import timestamp
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import arguments_of
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.credits import service as credit_service
from deploy.local.stack.database_urls import login_url
from gateway_core.model.ledger.transfers import top_up, usage_correction, usage_transfer
from gateway_core.stores.postgres.ledger_store import post_transfers
from gateway_core.stores.postgres.organization_wall import act_for
from tests.contract.admin_service.conftest import Client

STEP = dt.timedelta(microseconds=1)


async def add(owner: asyncpg.Connection, amount: int, organization: str = "acme") -> dt.datetime:
    """Tops up, and returns the time of the posting."""
    transfer = top_up(amount, idempotency_key=str(uuid.uuid4()), actor="users/test", reason=f"{amount}")
    (posted,) = await post_transfers(owner, organization, [transfer])
    booked: dt.datetime = await owner.fetchval(
        "SELECT create_time FROM ledger_transfers WHERE organization_id = $1 AND sequence = $2",
        organization,
        posted.sequence,
    )
    return booked


def as_of(instant: dt.datetime) -> credit_pb2.GetCreditBalanceRequest:
    return credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance", as_of_time=timestamp(instant))


def scans_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a plan that read the ledger."""
    own = [plan] if plan.get("Relation Name") == "ledger_transfers" else []
    return own + [scan for step in plan.get("Plans", ()) for scan in scans_of(step)]


def transaction(number: str) -> credit_pb2.GetCreditTransactionRequest:
    return credit_pb2.GetCreditTransactionRequest(name=f"organizations/acme/creditTransactions/{number}")


def statement(start: dt.datetime, end: dt.datetime) -> credit_pb2.GetCreditStatementRequest:
    return credit_pb2.GetCreditStatementRequest(
        name="organizations/acme/creditStatement",
        time_range=TimeRange(start_time=timestamp(start), end_time=timestamp(end)),
    )


async def test_a_past_balance_is_the_sum_of_the_earlier_postings(client: Client, owner: asyncpg.Connection) -> None:
    first, second = await add(owner, 5), await add(owner, 7)
    await add(owner, 1_000, "other")
    for instant, balance, sequence in (
        (first - STEP, 0, 0),
        (first, 0, 0),
        (first + STEP, 5, 1),
        (second, 5, 1),
        (second + STEP, 12, 2),
    ):
        answer = await client.call("GetCreditBalance", as_of(instant))
        assert (answer.balance_nano_credits, answer.ledger_sequence) == (balance, sequence)
        assert answer.as_of_time.ToDatetime(tzinfo=dt.UTC) == instant


async def test_a_past_balance_waits_for_postings_under_way(client: Client, owner: asyncpg.Connection) -> None:
    transaction = owner.transaction()
    await transaction.start()
    booked = await add(owner, 5)
    asking = asyncio.create_task(client.call("GetCreditBalance", as_of(booked + STEP)))
    await asyncio.sleep(0.2)
    assert not asking.done()
    await transaction.commit()
    assert (await asking).balance_nano_credits == 5


async def test_a_transfer_that_waited_gets_the_time_of_its_writing(
    client: Client, owner: asyncpg.Connection, database_url: str
) -> None:
    """Otherwise a past balance would change after it was reported."""
    late = await asyncpg.connect(database_url)
    transaction = late.transaction()
    await transaction.start()
    await late.fetchval("SELECT now()")
    first = await add(owner, 5)
    second = await add(late, 7)
    await transaction.commit()
    await late.close()
    assert first < second


async def test_a_time_in_the_future_is_refused(client: Client) -> None:
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    failure = await client.failure("GetCreditBalance", as_of(tomorrow))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("as_of_time",))
    failure = await client.failure("GetCreditStatement", statement(tomorrow - dt.timedelta(days=2), tomorrow))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("time_range",))


async def test_a_statement_without_an_end_ends_now(client: Client) -> None:
    request = statement(dt.datetime.now(dt.UTC) - dt.timedelta(days=1), dt.datetime.now(dt.UTC))
    request.time_range.ClearField("end_time")
    before = dt.datetime.now(dt.UTC)
    answer = await client.call("GetCreditStatement", request)
    assert before - dt.timedelta(seconds=1) <= answer.time_range.end_time.ToDatetime(tzinfo=dt.UTC)
    balance = await client.call(
        "GetCreditBalance", credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance")
    )
    assert answer.closing_balance_nano_credits == balance.balance_nano_credits
    request.time_range.start_time.FromDatetime(dt.datetime.now(dt.UTC) - dt.timedelta(days=401))
    assert (await client.failure("GetCreditStatement", request)).fields == ("time_range",)


async def test_a_statement_has_an_opening_balance_sums_by_kind_and_a_closing_balance(
    client: Client, owner: asyncpg.Connection
) -> None:
    before = await add(owner, 100)
    start = await add(owner, 10)
    await post_transfers(owner, "acme", [usage_transfer("h1", 3), usage_transfer("h2", 4)])
    end = await add(owner, 50)
    answer = await client.call("GetCreditStatement", statement(start, end))
    assert (answer.opening_balance_nano_credits, answer.closing_balance_nano_credits) == (100, 103)
    entries = [(entry.kind, entry.transaction_count, entry.amount_nano_credits) for entry in answer.entries]
    assert entries == [(CreditTransaction.KIND_TOP_UP, 1, 10), (CreditTransaction.KIND_USAGE, 2, -7)]
    whole = await client.call("GetCreditStatement", statement(before, end + STEP))
    assert (whole.opening_balance_nano_credits, whole.closing_balance_nano_credits) == (0, 153)
    nothing = await client.call("GetCreditStatement", statement(end, end))
    assert (nothing.opening_balance_nano_credits, list(nothing.entries)) == (103, [])


@pytest.mark.parametrize(
    "time_range",
    [
        TimeRange(start_time=Timestamp(seconds=1)),
        TimeRange(end_time=Timestamp(seconds=1)),
        TimeRange(start_time=Timestamp(seconds=2), end_time=Timestamp(seconds=1)),
        TimeRange(start_time=Timestamp(seconds=0), end_time=Timestamp(seconds=400 * 86_400 + 1)),
        TimeRange(start_time=Timestamp(seconds=-(2**60)), end_time=Timestamp(seconds=1)),
        TimeRange(start_time=Timestamp(seconds=0), end_time=Timestamp(seconds=2**60)),
    ],
)
async def test_an_invalid_period_is_refused(client: Client, time_range: TimeRange) -> None:
    request = credit_pb2.GetCreditStatementRequest(name="organizations/acme/creditStatement", time_range=time_range)
    failure = await client.failure("GetCreditStatement", request)
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", ("time_range",))


async def test_transactions_are_listed_page_by_page(client: Client, owner: asyncpg.Connection) -> None:
    for amount in range(1, 6):
        await add(owner, amount)
    await add(owner, 1_000, "other")
    await post_transfers(owner, "acme", [usage_transfer("h1", 3)])
    request = credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme", page_size=4)
    first = await client.call("ListCreditTransactions", request)
    request.page_token = first.next_page_token
    second = await client.call("ListCreditTransactions", request)
    assert second.next_page_token == ""
    listed = [*first.credit_transactions, *second.credit_transactions]
    assert [(item.ledger_sequence, item.amount_nano_credits) for item in listed] == [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, -3),
    ]  # fmt: skip
    assert listed[5].kind == CreditTransaction.KIND_USAGE
    assert (listed[5].hold_id, listed[5].actor, listed[5].actor_display_name) == ("h1", "usage_service", "")


async def test_the_newest_transactions_come_first_page_by_page(client: Client, owner: asyncpg.Connection) -> None:
    for amount in range(1, 6):
        await add(owner, amount)
    request = credit_pb2.ListCreditTransactionsRequest(
        parent="organizations/acme", page_size=2, order_by="ledger_sequence desc"
    )
    listed: list[int] = []
    for _ in range(3):
        page = await client.call("ListCreditTransactions", request)
        listed += [item.ledger_sequence for item in page.credit_transactions]
        request.page_token = page.next_page_token
        await add(owner, 9)  # what is added meanwhile shifts nothing
    assert (listed, request.page_token) == ([5, 4, 3, 2, 1], "")


async def test_the_token_of_one_order_is_refused_in_the_other(client: Client, owner: asyncpg.Connection) -> None:
    for amount in (1, 2):
        await add(owner, amount)
    request = credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme", page_size=1)
    request.page_token = (await client.call("ListCreditTransactions", request)).next_page_token
    request.order_by = "ledger_sequence desc"
    assert (await client.failure("ListCreditTransactions", request)).reason == "PAGE_TOKEN_INVALID"


async def test_an_unknown_order_is_refused(client: Client) -> None:
    request = credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme", order_by="amount_nano_credits")
    failure = await client.failure("ListCreditTransactions", request)
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", ("order_by",))


@pytest.mark.parametrize("order_by", ["ledger_sequence", "ledger_sequence desc"])
async def test_a_page_in_the_middle_of_the_ledger_reads_only_its_own_rows(
    owner: asyncpg.Connection, people: None, database_url: str, order_by: str
) -> None:
    """By the primary key, forward and backward. Seen to fail when the order is that of an expression, `sequence + 0`."""
    await post_transfers(owner, "acme", [usage_transfer(f"h{number}", 1) for number in range(2_000)])
    await owner.execute("ANALYZE ledger_transfers")
    request = credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme", page_size=50, order_by=order_by)
    tokens = PageTokens(b"secret", lambda: 0)
    request.page_token = tokens.encode("1000", arguments_of(request))
    own = Condition("organization_id = {}", "acme")
    page = credit_service._TRANSACTIONS.query(request, tokens, "acme", own)
    connection = await asyncpg.connect(login_url(database_url, "megarouter_admin"))
    try:
        async with connection.transaction():
            await act_for(connection, ["acme"])
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {page.statement}", *page.parameters)
    finally:
        await connection.close()
    (scan,) = scans_of(json.loads(explained)[0]["Plan"])
    direction = "Backward" if order_by.endswith("desc") else "Forward"
    assert (scan.get("Index Name"), scan.get("Scan Direction")) == ("ledger_transfers_pkey", direction)
    assert scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) <= 51


async def test_a_transaction_has_two_postings_whose_sum_is_0(client: Client, owner: asyncpg.Connection) -> None:
    await add(owner, 100)
    await post_transfers(owner, "acme", [usage_transfer("h1", 7), usage_correction("h1", -2, 2)])
    found = await client.call("GetCreditTransaction", transaction("3"))
    assert (found.kind, found.amount_nano_credits) == (CreditTransaction.KIND_CORRECTION, 2)
    assert found.corrected_transaction == "organizations/acme/creditTransactions/2"
    assert [(posting.account, posting.amount_nano_credits) for posting in found.postings] == [
        (CreditPosting.ACCOUNT_USAGE, -2),
        (CreditPosting.ACCOUNT_CREDIT_POOL, 2),
    ]


@pytest.mark.parametrize("number", ["0", "2", "9223372036854775807", "99999999999999999999", "one", "1e3"])
async def test_a_transaction_that_does_not_exist_is_refused_as_one_that_may_not_be_read(
    client: Client, owner: asyncpg.Connection, number: str
) -> None:
    await add(owner, 1)
    await add(owner, 1, "other")
    await add(owner, 1, "other")
    assert await client.code("GetCreditTransaction", transaction(number), "super") is grpc.StatusCode.PERMISSION_DENIED


async def test_a_page_token_of_another_organization_is_refused(client: Client, owner: asyncpg.Connection) -> None:
    for amount in (1, 2):
        await add(owner, amount)
    request = credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme", page_size=1)
    token = (await client.call("ListCreditTransactions", request)).next_page_token
    other = credit_pb2.ListCreditTransactionsRequest(parent="organizations/other", page_token=token)
    failure = await client.failure("ListCreditTransactions", other, "stranger")
    assert failure.reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize("who", ["sub", "member", "stranger"])
async def test_only_super_and_level_1_admins_read_the_history(
    client: Client, owner: asyncpg.Connection, who: str
) -> None:
    await add(owner, 1)
    past = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    requests = {
        "GetCreditBalance": as_of(past),
        "GetCreditStatement": statement(past, past),
        "GetCreditTransaction": transaction("1"),
        "ListCreditTransactions": credit_pb2.ListCreditTransactionsRequest(parent="organizations/acme"),
    }
    for method, request in requests.items():
        assert await client.code(method, request, "l1") is grpc.StatusCode.OK
        assert await client.code(method, request, who) is grpc.StatusCode.PERMISSION_DENIED
