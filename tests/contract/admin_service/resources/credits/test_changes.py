"""Adjustments and refunds over the API: permissions, reasons, idempotency, and limits."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import credit_pb2
from megarouter.admin.v1.credit_pb2 import CreditTransaction

from tests.contract.admin_service.conftest import ACME, Client

CREDIT = 10**9
REQUEST_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
BALANCE = credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance")


def change(method: str, amount: int, request_id: str | None = None, **others: Any) -> Any:
    request_type = getattr(credit_pb2, f"{method}Request")
    values = {"parent": "organizations/acme", "reason": "Ticket 7", **others}
    return request_type(amount_nano_credits=amount, request_id=request_id or str(uuid.uuid4()), **values)


async def post(client: Client, method: str, amount: int, **others: Any) -> Any:
    return await client.call(method, change(method, amount, **others))


async def balance(client: Client) -> int:
    return int((await client.call("GetCreditBalance", BALANCE)).balance_nano_credits)


async def test_an_adjustment_adds_or_takes_credit_and_records_actor_and_reason(client: Client) -> None:
    given = await post(client, "AdjustCredit", 7)
    taken = await post(client, "AdjustCredit", -3)
    for answer, amount, left in ((given, 7, 7), (taken, -3, 4)):
        transaction = answer.credit_transaction
        assert (transaction.kind, transaction.amount_nano_credits) == (CreditTransaction.KIND_ADJUSTMENT, amount)
        assert (transaction.actor, transaction.reason) == ("users/super", "Ticket 7")
        assert transaction.actor_display_name == "super"
        assert answer.balance.balance_nano_credits == left
    assert given.credit_transaction.name == "organizations/acme/creditTransactions/1"


async def test_a_refund_transfers_credit_back_to_the_top_ups_account(client: Client, owner: asyncpg.Connection) -> None:
    await post(client, "TopUpCredit", 10)
    answer = await post(client, "RefundCredit", 4)
    assert (answer.credit_transaction.kind, answer.credit_transaction.amount_nano_credits) == (
        CreditTransaction.KIND_REFUND,
        -4,
    )
    assert answer.balance.balance_nano_credits == 6
    accounts = dict(map(tuple, await owner.fetch("SELECT account, balance_nano_credits FROM ledger_accounts")))
    assert accounts["TOP_UPS"] + accounts["CREDIT_POOL"] == 0


async def test_a_refund_cannot_exceed_the_top_ups(client: Client) -> None:
    await post(client, "TopUpCredit", 10)
    await post(client, "AdjustCredit", 100)
    await post(client, "RefundCredit", 4)
    failure = await client.failure("RefundCredit", change("RefundCredit", 7, allow_overdraft=True))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REFUND_EXCEEDS_TOP_UPS")
    assert failure.metadata == {"refundableNanoCredits": "6"}
    assert await balance(client) == 106


@pytest.mark.parametrize(("method", "amount"), [("AdjustCredit", -8), ("RefundCredit", 8)])
async def test_held_or_missing_credit_is_taken_only_with_allow_overdraft(
    client: Client, owner: asyncpg.Connection, method: str, amount: int
) -> None:
    await post(client, "TopUpCredit", 10)
    await owner.execute(
        "INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters,"
        " place_time, expire_time) VALUES ('h', 'acme', 'm', 'k', 3, 't', '{}', now(), now())"
    )
    failure = await client.failure(method, change(method, amount))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CREDIT_INSUFFICIENT")
    assert failure.metadata == {"availableNanoCredits": "7"}
    assert await balance(client) == 10
    answer = await post(client, method, amount, allow_overdraft=True)
    assert answer.balance.balance_nano_credits == 2


async def test_credit_may_be_added_to_a_pool_that_stays_negative(client: Client) -> None:
    await post(client, "AdjustCredit", -8, allow_overdraft=True)
    assert (await post(client, "AdjustCredit", 5)).balance.balance_nano_credits == -3


@pytest.mark.parametrize(("method", "amount"), [("AdjustCredit", -5), ("RefundCredit", 5)])
async def test_a_repeated_change_is_posted_once_and_gets_the_same_answer(
    client: Client, owner: asyncpg.Connection, method: str, amount: int
) -> None:
    await post(client, "TopUpCredit", 5)
    request = change(method, amount, REQUEST_ID)
    answers = await asyncio.gather(*(client.call(method, request) for _ in range(5)))
    assert len({answer.credit_transaction.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 2
    failure = await client.failure(method, change(method, amount, REQUEST_ID, reason="another"))
    assert failure.reason == "REQUEST_ID_REUSED"


async def test_two_concurrent_refunds_do_not_both_take_the_last_credit(client: Client) -> None:
    await post(client, "TopUpCredit", 5)
    requests = [change("RefundCredit", 3) for _ in range(4)]
    codes = await asyncio.gather(*(client.code("RefundCredit", request, "super") for request in requests))
    assert sorted(code.name for code in codes) == ["FAILED_PRECONDITION"] * 3 + ["OK"]
    assert await balance(client) == 2


@pytest.mark.parametrize("method", ["AdjustCredit", "RefundCredit"])
async def test_only_super_admins_adjust_and_refund(client: Client, method: str) -> None:
    await post(client, "TopUpCredit", 100)
    allowed = {
        who
        for who, _, _ in (*ACME, ("stranger", "", ""))
        if (await client.code(method, change(method, 1), who)).name == "OK"
    }
    assert allowed == {"super"}


@pytest.mark.parametrize(
    ("method", "amount", "others", "field"),
    [
        ("AdjustCredit", 0, {}, "amount_nano_credits"),
        ("AdjustCredit", -(10**18) - 1, {}, "amount_nano_credits"),
        ("AdjustCredit", 1, {"reason": ""}, "reason"),
        ("AdjustCredit", 1, {"request_id": "once"}, "request_id"),
        ("RefundCredit", -1, {}, "amount_nano_credits"),
        ("RefundCredit", 10**18 + 1, {}, "amount_nano_credits"),
        ("RefundCredit", 1, {"reason": ""}, "reason"),
        ("RefundCredit", 1, {"reason": "x" * 201}, "reason"),
    ],
)
async def test_an_out_of_range_change_is_refused(
    client: Client, method: str, amount: int, others: dict[str, Any], field: str
) -> None:
    failure = await client.failure(method, change(method, amount, **others))
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", (field,))
