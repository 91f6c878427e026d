"""Organizations without a credit line, as they are outside the tests."""

import uuid
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from megarouter.admin.v1 import credit_pb2, operator_pb2

from tests.contract.admin_service.conftest import Client

CREDIT = 10**9
ACME = "organizations/acme"
SUMMARY = f"{ACME}/summary"
LINE = credit_pb2.GetCreditLineRequest(name=f"{ACME}/creditLine")
BALANCE = credit_pb2.GetCreditBalanceRequest(name=f"{ACME}/creditBalance")

SetLine = Callable[[int], Awaitable[operator_pb2.OrganizationSummary]]


def top_up(
    amount: int, organization: str = "acme", request_id: str = "", reason: str = ""
) -> credit_pb2.TopUpCreditRequest:
    return credit_pb2.TopUpCreditRequest(
        parent=f"organizations/{organization}",
        amount_nano_credits=amount,
        request_id=request_id or str(uuid.uuid4()),
        reason=reason,
    )


def grant(amount: int, organization: str = "acme", request_id: str = "") -> operator_pb2.GrantCreditRequest:
    return operator_pb2.GrantCreditRequest(
        name=f"organizations/{organization}/summary",
        amount_nano_credits=amount,
        request_id=request_id or str(uuid.uuid4()),
        reason="goodwill",
    )


@pytest.fixture(autouse=True)
async def no_lines(owner: asyncpg.Connection, people: None) -> None:
    await owner.execute("ALTER TABLE credit_lines ALTER line_nano_credits SET DEFAULT 0")
    await owner.execute("UPDATE credit_lines SET line_nano_credits = 0")


@pytest.fixture
def set_line(client: Client) -> SetLine:
    """Sets the line of `acme` as the operator."""

    async def set_to(line: int) -> operator_pb2.OrganizationSummary:
        request = operator_pb2.SetCreditLineRequest(name=SUMMARY, line_nano_credits=line)
        answer: operator_pb2.OrganizationSummary = await client.call("SetCreditLine", request, "operator")
        return answer

    return set_to


async def balance_of(owner: asyncpg.Connection, organization: str = "acme") -> int:
    """Returns the balance in nano-credits, as the sum of the ledger's postings."""
    return int(
        await owner.fetchval(
            "SELECT coalesce(sum(amount_nano_credits), 0) FROM ledger_postings"
            " WHERE organization_id = $1 AND account = 'CREDIT_POOL'",
            organization,
        )
    )
