"""Balances and top-ups over the API: exact, and posted once."""

import asyncio
import uuid

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import credit_pb2

from tests.contract.admin_service.conftest import Client

CREDIT = 10**9
REQUEST_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
BALANCE = credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance")


def top_up(
    amount: int = 5 * CREDIT, request_id: str = REQUEST_ID, reason: str = "", organization: str = "acme"
) -> credit_pb2.TopUpCreditRequest:
    return credit_pb2.TopUpCreditRequest(
        parent=f"organizations/{organization}", amount_nano_credits=amount, request_id=request_id, reason=reason
    )


async def test_a_top_up_is_a_transfer_in_the_ledger(client: Client, owner: asyncpg.Connection) -> None:
    answer = await client.call("TopUpCredit", top_up(7, reason="Invoice 12"), "l1")
    assert (answer.top_up.amount_nano_credits, answer.top_up.reason, answer.top_up.ledger_sequence) == (
        7,
        "Invoice 12",
        1,
    )
    row = await owner.fetchrow("SELECT * FROM ledger_transfers")
    assert row is not None
    assert (row["kind"], row["amount_nano_credits"], row["actor"], row["reason"]) == (
        "TOP_UP",
        7,
        "users/l1",
        "Invoice 12",
    )
    assert answer.balance.balance_nano_credits == 7
    assert await owner.fetchval("SELECT sum(balance_nano_credits)::bigint FROM ledger_accounts") == 0


async def test_the_balance_is_exact_and_has_a_time(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("TopUpCredit", top_up(2**53 + 1))
    await client.call("TopUpCredit", top_up(1, str(uuid.uuid4())))
    await owner.execute(
        "INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters,"
        " place_time, expire_time) VALUES ('h', 'acme', 'm', 'k', 11, 't', '{}', now(), now())"
    )
    balance = await client.call("GetCreditBalance", BALANCE)
    assert (balance.name, balance.balance_nano_credits) == ("organizations/acme/creditBalance", 2**53 + 2)
    assert (balance.held_nano_credits, balance.ledger_sequence) == (11, 2)


async def test_a_repeated_top_up_is_posted_once_and_gets_the_same_answer(
    client: Client, owner: asyncpg.Connection
) -> None:
    first = await client.call("TopUpCredit", top_up())
    await client.call("TopUpCredit", top_up(1, str(uuid.uuid4())))
    again = await client.call("TopUpCredit", top_up(request_id=REQUEST_ID.upper()))
    assert again == first
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 2


async def test_twenty_concurrent_repeats_of_a_top_up_are_posted_once(client: Client, owner: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(client.call("TopUpCredit", top_up()) for _ in range(20)))
    assert len({answer.top_up.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 1


@pytest.mark.parametrize("other", [top_up(6 * CREDIT), top_up(reason="another reason")])
async def test_a_request_id_for_another_top_up_is_refused(
    client: Client, owner: asyncpg.Connection, other: credit_pb2.TopUpCreditRequest
) -> None:
    await client.call("TopUpCredit", top_up())
    failure = await client.failure("TopUpCredit", other)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 1


async def test_the_request_id_of_another_caller_is_independent(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("TopUpCredit", top_up(), "super")
    await client.call("TopUpCredit", top_up(6 * CREDIT), "l1")
    assert (await client.call("GetCreditBalance", BALANCE)).balance_nano_credits == 11 * CREDIT


async def test_organizations_have_separate_credit(client: Client) -> None:
    await client.call("TopUpCredit", top_up(organization="other"), "stranger")
    assert (await client.call("GetCreditBalance", BALANCE)).balance_nano_credits == 0


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (top_up(0), "amount_nano_credits"),
        (top_up(-1), "amount_nano_credits"),
        (top_up(10**18 + 1), "amount_nano_credits"),
        (top_up(request_id=""), "request_id"),
        (top_up(request_id="once"), "request_id"),
        (top_up(request_id="f47ac10b-58cc-1372-a567-0e02b2c3d479"), "request_id"),
        (top_up(request_id="{f47ac10b-58cc-4372-a567-0e02b2c3d479}"), "request_id"),
        (top_up(reason="x" * 201), "reason"),
        (top_up(reason="a\0b"), "reason"),
    ],
)
async def test_an_out_of_range_top_up_is_refused(
    client: Client, owner: asyncpg.Connection, request_: credit_pb2.TopUpCreditRequest, field: str
) -> None:
    failure = await client.failure("TopUpCredit", request_)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert failure.fields == (field,)
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 0


async def test_a_top_up_beyond_the_maximum_balance_is_refused(client: Client, owner: asyncpg.Connection) -> None:
    for _ in range(9):
        await client.call("TopUpCredit", top_up(10**18, str(uuid.uuid4())))
    failure = await client.failure("TopUpCredit", top_up(10**18))
    assert (failure.code, failure.reason) == (grpc.StatusCode.OUT_OF_RANGE, "BALANCE_OUT_OF_RANGE")
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 9
    assert (await client.call("GetCreditBalance", BALANCE)).balance_nano_credits == 9 * 10**18
