"""What waits to be settled, and what is remembered afterwards."""

import asyncio

import pytest

from usage_service.entries import Page, RecentSettlements


def token(number: int) -> str:
    return f"v1.payload.{number:043d}"


def test_settled_tokens_are_recognised_and_others_are_not() -> None:
    recent = RecentSettlements()
    recent.add(token(1))
    assert token(1) in recent
    assert token(2) not in recent


def test_the_oldest_token_is_forgotten_first() -> None:
    recent = RecentSettlements(entries=2)
    for number in (1, 2, 1, 3):
        recent.add(token(number))
    assert [number for number in (1, 2, 3) if token(number) in recent] == [1, 3]


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
