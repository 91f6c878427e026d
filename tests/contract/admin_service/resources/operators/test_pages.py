"""What operators list across organizations, page by page."""

from typing import Any

import asyncpg
import pytest
from google.protobuf.message import Message
from megarouter.admin.v1 import operator_pb2

from admin_service.listing import reading
from tests.contract.admin_service.conftest import Client

SUMMARIES = (
    "ListOrganizationSummaries", operator_pb2.ListOrganizationSummariesRequest, "organization_summaries",
    "display_name = odd",
)  # fmt: skip
REQUESTS = (
    "SearchTopUpRequests", operator_pb2.SearchTopUpRequestsRequest, "top_up_requests", "reason = odd",
)  # fmt: skip


@pytest.fixture
async def many(owner: asyncpg.Connection, people: None) -> None:
    """Twenty organizations and requests, of which every fourth and the first are odd."""
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name)"
        " SELECT 'org-' || to_char(n, 'FM00'), CASE WHEN n % 4 = 1 THEN 'odd' ELSE 'even' END FROM generate_series(1, 20) n"
    )
    await owner.execute(
        "INSERT INTO top_up_requests (organization_id, top_up_request_id, user_id, amount_nano_credits, reason, idempotency_key)"
        " SELECT 'acme', 'topup-' || to_char(n, 'FM00'), 'super', n, CASE WHEN n % 4 = 1 THEN 'odd' ELSE 'even' END, n::text"
        "   FROM generate_series(1, 20) n"
    )


async def pages(client: Client, method: str, request: type[Message], rows: str, **fields: Any) -> list[list[str]]:
    found: list[list[str]] = []
    token = ""
    while not found or token:
        answer = await client.call(method, request(page_token=token, **fields), "operator")
        found.append([row.name for row in getattr(answer, rows)])
        token = answer.next_page_token
    return found


@pytest.mark.parametrize("listed", [SUMMARIES, REQUESTS])
async def test_a_filter_finds_the_same_however_few_rows_a_page_looks_at(
    client: Client, many: None, monkeypatch: pytest.MonkeyPatch, listed: tuple[str, Any, str, str]
) -> None:
    method, request, rows, only_odd = listed
    (everything,) = await pages(client, method, request, rows, page_size=1_000)
    assert sorted(everything, reverse=method == "SearchTopUpRequests") == everything
    (odd,) = await pages(client, method, request, rows, filter=only_odd, page_size=1_000)
    assert (len(odd), len(everything) >= 20) == (5, True)
    for looked_at in (2, 3, 7, 100):
        monkeypatch.setattr(reading, "SCANNED_ROWS", looked_at)
        for text, expected in (("", everything), (only_odd, odd), ("create_time < 2000-01-01T00:00:00Z", [])):
            found = await pages(client, method, request, rows, filter=text, page_size=2)
            assert [name for page in found for name in page] == expected, (looked_at, text)
            assert max(map(len, found)) <= 2


async def test_a_page_with_a_filter_looks_at_a_bounded_number_of_rows(
    client: Client, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a filter that nothing meets would compute the sums of every organization."""
    monkeypatch.setattr(reading, "SCANNED_ROWS", 3)
    request = operator_pb2.ListOrganizationSummariesRequest(filter="display_name = nothing")
    answer = await client.call("ListOrganizationSummaries", request, "operator")
    assert (len(answer.organization_summaries), bool(answer.next_page_token)) == (0, True)
