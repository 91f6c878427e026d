"""Entries that wait for settlement, and the memory of settled ones."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.usage_service.settlement_cases import make_hold, make_report
from usage_service.settlement.entries import Entry, Origin, Page, RecentSettlements


def numbered(number: int) -> Entry:
    report = replace(make_report(make_hold()), token=f"v2.claims.call.{number:043d}")
    return Entry(report, Origin.STREAM, statement=number)


def test_only_settled_reports_are_remembered() -> None:
    """Seen to fail when the memory contains only the token."""
    recent = RecentSettlements()
    entry = numbered(1)
    recent.add(entry)
    assert recent.knows(entry.report.token, 1)
    assert not recent.knows(entry.report.token, 2)
    assert not recent.knows(numbered(2).report.token, 1)


def test_the_oldest_report_is_forgotten_first() -> None:
    recent = RecentSettlements(entries=2)
    for number in (1, 2, 1, 3):
        recent.add(numbered(number))
    assert [number for number in (1, 2, 3) if recent.knows(numbered(number).report.token, number)] == [1, 3]


async def test_a_page_without_entries_is_done() -> None:
    await asyncio.wait_for(Page().done(), 30)


async def test_a_page_is_done_when_all_of_its_entries_are() -> None:
    page = Page()
    page.add()
    page.add()
    page.finish_one()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(page.done(), 0.01)
    page.finish_one()
    await asyncio.wait_for(page.done(), 30)
