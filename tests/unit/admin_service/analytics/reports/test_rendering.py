"""Reports are made in processes with limits."""

import asyncio
import subprocess
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from admin_service.analytics.reports.rendering import OversizeError, Renderer, RenderingError
from admin_service.analytics.reports.worker import make_pdf
from tests.support.data.sample_reports import MONTH, Kind, sample_report
from tests.support.signing_files import signing_files_in


async def test_the_event_loop_goes_on_meanwhile() -> None:
    rendering = asyncio.create_task(Renderer().render(sample_report()))
    turns = 0
    while not rendering.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert (await rendering).file == make_pdf(sample_report())
    assert turns > 20


async def test_a_report_is_signed_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    renderer = Renderer(signing=signing_files_in(tmp_path))
    one, other = await renderer.render(sample_report()), await renderer.render(sample_report())
    assert one == other
    assert one.is_signed
    assert one.pages == make_pdf(sample_report())


async def test_a_report_that_takes_too_long_is_stopped() -> None:
    started = time.monotonic()
    with pytest.raises(OversizeError, match=r"took more than 0\.05 seconds"):
        await Renderer(timeout_s=0.05).render(sample_report())
    assert time.monotonic() - started < 5


async def test_a_report_that_is_too_large_starts_no_process() -> None:
    with pytest.raises(OversizeError, match="its data is too large"):
        await Renderer(timeout_s=0).render(sample_report(Kind(MONTH.start, 10), names=["x" * 9_000_000]))


async def test_the_memory_of_the_process_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin_service.analytics.reports.rendering.MEMORY_BYTES", 100 * 1024**2)
    with pytest.raises(OversizeError, match="took too much memory"):
        await Renderer().render(sample_report())


async def test_the_processor_time_of_the_process_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    # A fast machine makes every report that is not too large within the second, which is the smallest limit there is. So the
    # process has used up its second when it begins: what a process used before it runs another program counts.
    monkeypatch.setattr("admin_service.analytics.reports.rendering.PROCESSOR_S", 1)
    monkeypatch.setattr("subprocess.Popen", partial(subprocess.Popen, preexec_fn=_use_a_second_of_the_processor))
    with pytest.raises(OversizeError, match="too much time of the processor"):
        await Renderer().render(sample_report())


async def test_a_fault_of_the_pages_is_not_taken_for_their_size() -> None:
    unknown_edition = replace(sample_report(), bucket_starts=())
    with pytest.raises(RenderingError, match=r"the pages could not be made \(status 1\): "):
        await Renderer().render(unknown_edition)


def _use_a_second_of_the_processor() -> None:
    while time.process_time() < 1:
        pass
