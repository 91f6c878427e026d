"""Background work always ends, and its failure is reported."""

import asyncio

import pytest

from gateway_core.runtime.background import end, in_background, start, watched


async def test_work_runs_while_the_context_is_open() -> None:
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


async def test_work_that_swallows_a_cancellation_is_canceled_again() -> None:
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
    async with asyncio.timeout(30):
        await end(task)
    assert swallowed == 2
    assert task.done()


async def broken() -> None:
    raise RuntimeError("the secret is 42")


async def test_a_failure_is_reported_immediately_with_the_works_name_but_not_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[None] = []
    with watched(lambda: failures.append(None)):
        async with in_background(broken()):
            await asyncio.sleep(0.01)
            assert len(failures) == 1
    (record,) = caplog.records
    assert record.message == "background work failed"
    assert (record.__dict__["work"], record.__dict__["error"]) == ("broken", "RuntimeError")
    assert record.__dict__["at"].startswith(__file__)
    assert "the secret" not in str(vars(record))


async def test_work_started_by_a_task_of_the_watched_context_is_also_watched() -> None:
    failed = asyncio.Event()

    async def opening() -> None:
        start(broken())

    with watched(failed.set):
        await asyncio.create_task(opening())
    await asyncio.wait_for(failed.wait(), 30)


async def test_an_error_during_cancellation_is_not_a_failure() -> None:
    failures: list[None] = []

    async def refuses_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError

    with watched(lambda: failures.append(None)):
        async with in_background(refuses_to_end()):
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert failures == []
