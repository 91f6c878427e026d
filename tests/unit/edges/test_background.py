"""Background work surely ends, and its failure is told."""

import asyncio
import logging

import pytest

from gateway_core.edges.background import end, in_background, start


async def test_work_runs_while_the_context_is_open_and_is_ended_with_it() -> None:
    states: list[str] = []

    async def work() -> None:
        states.append("runs")
        try:
            await asyncio.Event().wait()
        finally:
            states.append("ended")

    async with in_background(work()):
        await asyncio.sleep(0)
        assert states == ["runs"]
    assert states == ["runs", "ended"]


async def test_work_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    task = start(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert swallowed == 2
    assert task.done()


async def test_a_failure_is_logged_when_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        async with in_background(broken()):
            await asyncio.sleep(0.01)
            assert "background work failed" in caplog.text
