"""Credit comes from operators: through a line, an approved request or a grant."""

import asyncio
import uuid

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import credit_pb2, operator_pb2
from megarouter.admin.v1.credit_pb2 import TopUpRequest

from gateway_core.model.ledger.transfers import adjustment
from gateway_core.model.ledger.transfers import top_up as top_up_transfer
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.operators.conftest import (
    ACME,
    BALANCE,
    CREDIT,
    LINE,
    SUMMARY,
    SetLine,
    balance_of,
    grant,
    top_up,
)
from tests.contract.usage_service.audit.books import audit, broken

DENIED = grpc.StatusCode.PERMISSION_DENIED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_a_top_up_within_the_line_is_posted(client: Client, set_line: SetLine) -> None:
    summary = await set_line(10 * CREDIT)
    assert (summary.credit_line.line_nano_credits, summary.credit_line.used_nano_credits) == (10 * CREDIT, 0)
    answer = await client.call("TopUpCredit", top_up(4 * CREDIT), "l1")
    assert answer.balance.balance_nano_credits == 4 * CREDIT
    assert not answer.HasField("top_up_request")
    line = await client.call("GetCreditLine", LINE)
    assert (line.name, line.line_nano_credits, line.used_nano_credits) == (
        f"{ACME}/creditLine",
        10 * CREDIT,
        4 * CREDIT,
    )


async def test_a_top_up_beyond_the_line_is_a_request_and_no_credit(
    client: Client, owner: asyncpg.Connection, set_line: SetLine
) -> None:
    """Seen to fail before there were lines: the whole amount was posted."""
    await set_line(10 * CREDIT)
    beyond = top_up(11 * CREDIT, reason="more")
    answer = await client.call("TopUpCredit", beyond, "l1")
    assert not answer.HasField("top_up")
    assert answer.balance.balance_nano_credits == await balance_of(owner) == 0
    asked = answer.top_up_request
    assert asked.user_display_name == "l1"
    assert (asked.state, asked.amount_nano_credits, asked.reason, asked.user) == (
        TopUpRequest.STATE_PENDING,
        11 * CREDIT,
        "more",
        "users/l1",
    )
    await owner.execute("DELETE FROM request_replays")  # as after 24 hours
    assert (await client.call("TopUpCredit", beyond, "l1")).top_up_request == asked
    other = top_up(12 * CREDIT, request_id=beyond.request_id, reason="more")
    assert (await client.failure("TopUpCredit", other, "l1")).reason == "REQUEST_ID_REUSED"
    listed = await client.call("ListTopUpRequests", credit_pb2.ListTopUpRequestsRequest(parent=ACME))
    assert list(listed.top_up_requests) == [asked]
    assert await client.call("GetTopUpRequest", credit_pb2.GetTopUpRequestRequest(name=asked.name)) == asked
    found = await client.call("SearchTopUpRequests", operator_pb2.SearchTopUpRequestsRequest(), "operator")
    assert list(found.top_up_requests) == [asked]


async def test_fifty_racing_top_ups_never_exceed_the_line(
    client: Client, owner: asyncpg.Connection, set_line: SetLine
) -> None:
    await set_line(10 * CREDIT)
    answers = await asyncio.gather(
        *(client.call("TopUpCredit", top_up(CREDIT), "l1" if number % 2 else "super") for number in range(30)),
        *(client.call("TopUpCredit", top_up(3 * CREDIT), "l1-peer") for _ in range(20)),
        return_exceptions=True,
    )
    posted = sum(
        answer.top_up.amount_nano_credits for answer in answers if isinstance(answer, credit_pb2.TopUpCreditResponse)
    )
    line = await client.call("GetCreditLine", LINE)
    assert posted == line.used_nano_credits == await balance_of(owner) <= 10 * CREDIT
    assert line.used_nano_credits > 7 * CREDIT
    assert await owner.fetchval("SELECT count(*) FROM top_up_requests") == 20  # the most that may be pending


async def test_a_line_that_is_lowered_while_top_ups_race_is_never_below_its_use(
    client: Client, owner: asyncpg.Connection, set_line: SetLine
) -> None:
    await set_line(10 * CREDIT)
    lower = operator_pb2.SetCreditLineRequest(name=SUMMARY, line_nano_credits=5 * CREDIT)
    top_ups, lowered = await asyncio.gather(
        asyncio.gather(*(client.call("TopUpCredit", top_up(CREDIT)) for _ in range(10))),
        client.code("SetCreditLine", lower, "operator"),
    )
    line = await client.call("GetCreditLine", LINE)
    posted = sum(answer.top_up.amount_nano_credits for answer in top_ups)
    assert posted == line.used_nano_credits == await balance_of(owner)
    assert line.line_nano_credits == (5 if lowered is grpc.StatusCode.OK else 10) * CREDIT
    assert line.used_nano_credits <= line.line_nano_credits


async def test_the_database_refuses_credit_without_an_authority(
    owner: asyncpg.Connection, client: Client, set_line: SetLine
) -> None:
    """Even the owner of the database, and a service with a fault, cannot post more than the line."""
    await set_line(5)
    for transfer in (
        top_up_transfer(6, idempotency_key="a", actor="a", reason=""),
        adjustment(6, idempotency_key="b", actor="a", reason=""),
        adjustment(6, idempotency_key="grant:operator:none", actor="a", reason=""),
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="within_line"):
            await post_transfers(owner, "acme", [transfer])
    await post_transfers(owner, "acme", [top_up_transfer(5, idempotency_key="c", actor="a", reason="")])
    assert await balance_of(owner) == 5


async def test_a_positive_adjustment_uses_the_line(client: Client, set_line: SetLine) -> None:
    """Seen to fail: a Super Admin gave the own organization any amount."""

    def adjust(amount: int) -> credit_pb2.AdjustCreditRequest:
        return credit_pb2.AdjustCreditRequest(
            parent=ACME, amount_nano_credits=amount, request_id=str(uuid.uuid4()), reason="r"
        )

    await set_line(10)
    failure = await client.failure("AdjustCredit", adjust(11))
    assert (failure.code, failure.reason) == (PRECONDITION, "CREDIT_LINE_EXCEEDED")
    assert failure.metadata == {"remainingNanoCredits": "10"}
    await client.call("AdjustCredit", adjust(10))
    await client.call("AdjustCredit", adjust(-10))
    assert (await client.failure("AdjustCredit", adjust(1))).reason == "CREDIT_LINE_EXCEEDED"


async def test_raced_approvals_post_once(client: Client, owner: asyncpg.Connection) -> None:
    asked = (await client.call("TopUpCredit", top_up(7), "l1")).top_up_request
    approve = operator_pb2.ApproveTopUpRequestRequest(name=asked.name)
    answers = await asyncio.gather(*(client.call("ApproveTopUpRequest", approve, "operator") for _ in range(20)))
    assert {answer.state for answer in answers} == {TopUpRequest.STATE_APPROVED}
    assert {answer.decider for answer in answers} == {"users/operator"}
    assert await balance_of(owner) == 7
    assert (await client.call("GetCreditLine", LINE)).used_nano_credits == 0
    reject = operator_pb2.RejectTopUpRequestRequest(name=asked.name, reason="too late")
    failure = await client.failure("RejectTopUpRequest", reject, "operator")
    assert (failure.code, failure.reason) == (PRECONDITION, "STATE_UNSUITABLE")


async def test_an_approval_and_a_rejection_race_to_one_outcome(client: Client, owner: asyncpg.Connection) -> None:
    for _ in range(5):
        asked = (await client.call("TopUpCredit", top_up(1), "l1")).top_up_request
        before = await balance_of(owner)
        approve = operator_pb2.ApproveTopUpRequestRequest(name=asked.name)
        reject = operator_pb2.RejectTopUpRequestRequest(name=asked.name, reason="no")
        codes = await asyncio.gather(
            client.code("ApproveTopUpRequest", approve, "operator"),
            client.code("RejectTopUpRequest", reject, "operator"),
        )
        assert sorted(code.name for code in codes) == ["FAILED_PRECONDITION", "OK"]
        assert await balance_of(owner) - before == (codes[0] is grpc.StatusCode.OK)


async def test_a_decided_request_cannot_be_changed_in_the_database(client: Client, owner: asyncpg.Connection) -> None:
    asked = (await client.call("TopUpCredit", top_up(7), "l1")).top_up_request
    await client.call(
        "RejectTopUpRequest", operator_pb2.RejectTopUpRequestRequest(name=asked.name, reason="no"), "operator"
    )
    for statement in ("UPDATE top_up_requests SET state = 'APPROVED'", "DELETE FROM top_up_requests"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await owner.execute(statement)


async def test_pending_requests_are_bounded(client: Client) -> None:
    for _ in range(20):
        await client.call("TopUpCredit", top_up(1), "l1")
    failure = await client.failure("TopUpCredit", top_up(1), "l1")
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOP_UP_REQUEST_LIMIT_REACHED")


async def test_a_grant_is_posted_once_and_uses_no_line(client: Client, owner: asyncpg.Connection) -> None:
    request = grant(9)
    answers = await asyncio.gather(*(client.call("GrantCredit", request, "operator") for _ in range(10)))
    assert len({answer.credit_transaction.SerializeToString(deterministic=True) for answer in answers}) == 1
    await owner.execute("DELETE FROM request_replays")
    await client.call("GrantCredit", request, "operator")
    assert await balance_of(owner) == 9
    assert (await client.call("GetCreditBalance", BALANCE)).balance_nano_credits == 9
    assert (await client.call("GetCreditLine", LINE)).used_nano_credits == 0
    failure = await client.failure("GrantCredit", grant(10, request_id=request.request_id), "operator")
    assert failure.reason == "REQUEST_ID_REUSED"


async def test_a_line_cannot_fall_below_its_use(client: Client, set_line: SetLine) -> None:
    await set_line(10)
    await client.call("TopUpCredit", top_up(6))
    lower = operator_pb2.SetCreditLineRequest(name=SUMMARY, line_nano_credits=5)
    failure = await client.failure("SetCreditLine", lower, "operator")
    assert (failure.code, failure.reason, failure.metadata) == (
        PRECONDITION,
        "CREDIT_LINE_BELOW_USE",
        {"usedNanoCredits": "6"},
    )
    await set_line(6)
    assert (await client.call("TopUpCredit", top_up(1))).HasField("top_up_request")
    unlimited = operator_pb2.SetCreditLineRequest(name=SUMMARY, is_unlimited=True)
    assert (await client.call("SetCreditLine", unlimited, "operator")).credit_line.is_unlimited
    assert (await client.call("TopUpCredit", top_up(10**15))).HasField("top_up")
    both = operator_pb2.SetCreditLineRequest(name=SUMMARY, is_unlimited=True, line_nano_credits=1)
    assert (await client.failure("SetCreditLine", both, "operator")).fields == ("line_nano_credits",)


async def test_the_audit_accounts_for_every_credit(
    client: Client, owner: asyncpg.Connection, database_url: str, set_line: SetLine
) -> None:
    await set_line(10)
    await client.call("TopUpCredit", top_up(6))
    asked = (await client.call("TopUpCredit", top_up(7), "l1")).top_up_request
    await client.call("ApproveTopUpRequest", operator_pb2.ApproveTopUpRequestRequest(name=asked.name), "operator")
    await client.call("GrantCredit", grant(9), "operator")
    assert broken(await audit(database_url)) == {}
    await owner.execute("ALTER TABLE ledger_transfers DISABLE TRIGGER ledger_transfers_use_credit_line")
    await post_transfers(owner, "acme", [top_up_transfer(50, idempotency_key="x", actor="a", reason="")])
    assert set(broken(await audit(database_url))) == {"credit-has-authority", "credit-line-guard"}
