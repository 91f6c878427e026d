"""What waits to be settled, and what is remembered afterwards."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.domain.settlement import CallReport
from tests.contract.settlement.settlement_cases import make_hold, make_report
from usage_service.entries import Page, RecentSettlements


def numbered(number: int) -> CallReport:
    return replace(make_report(make_hold()), token=f"v1.payload.{number:043d}")


def test_settled_reports_are_recognised_and_others_are_not() -> None:
    recent = RecentSettlements()
    recent.add(numbered(1))
    assert numbered(1) in recent
    assert numbered(2) not in recent


@pytest.mark.parametrize(
    "change",
    [
        {"facts": {"usage.prompt_tokens": 7}},
        {"facts": {}},
        {"http_status": 500},
        {"flags": frozenset({"DC"})},
        {"details": "response_timeout"},
        {"upstream_host": None},
        {"request_bytes": 1},
        {"response_bytes": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_report_that_may_end_its_hold_otherwise_is_not_recognised(change: dict[str, Any]) -> None:
    """Seen to fail when only the token is remembered."""
    recent = RecentSettlements()
    recent.add(numbered(1))
    assert replace(numbered(1), **change) not in recent


def test_the_same_facts_in_another_order_are_recognised() -> None:
    recent = RecentSettlements()
    recent.add(replace(numbered(1), facts={"a": 1, "b": 2}))
    assert replace(numbered(1), facts={"b": 2, "a": 1}) in recent


def test_the_oldest_report_is_forgotten_first() -> None:
    recent = RecentSettlements(entries=2)
    for number in (1, 2, 1, 3):
        recent.add(numbered(number))
    assert [number for number in (1, 2, 3) if numbered(number) in recent] == [1, 3]


async def test_a_page_without_entries_is_done() -> None:
    await asyncio.wait_for(Page().done(), 1)


async def test_a_page_is_done_when_all_of_its_entries_are() -> None:
    page = Page()
    page.add()
    page.add()
    page.finish_one()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(page.done(), 0.01)
    page.finish_one()
    await asyncio.wait_for(page.done(), 1)
