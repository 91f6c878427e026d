"""Makes the PDF of a report in a process of its own, so that the event loop goes on and the report has limits."""

import asyncio
import os
import sys
from typing import Final

from admin_service.analytics.reports.report import MAX_BYTES, Report

TIMEOUT_S: Final = 60.0
"""A report of a year with 1,000 members takes about a second."""
MEMORY_BYTES: Final = 2 * 1024**3
PROCESSOR_S: Final = 60
MAX_PDF_BYTES: Final = 32 * 1024 * 1024
_AT_ONCE: Final = 2
_LAST_OF_ERRORS: Final = 500


class RenderingError(Exception):
    """No PDF could be made. The message says why, without any data of the report."""


class Renderer:
    """Runs at most two processes at once; further reports wait."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def render(self, report: Report) -> bytes:
        """Returns the report as PDF.

        Raises:
            RenderingError: it is too large, took too long or too much memory, or has a fault.
        """
        data = report.canonical()
        if len(data) > MAX_BYTES:
            raise RenderingError("its data is too large")
        async with self._places:
            return await self._run(data)

    async def _run(self, data: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "admin_service.analytics.reports.worker", str(MEMORY_BYTES), str(PROCESSOR_S),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            # Nothing of the service's environment, which has secrets, but where Python finds its modules.
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ},
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._timeout_s):
                pdf, errors = await process.communicate(data)
        except TimeoutError:
            raise RenderingError(f"making the pages took more than {self._timeout_s:g} seconds") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            # The last line names the error. It has no names of people: the compiler gets them as data.
            reason = errors.decode(errors="replace").strip().rsplit("\n", 1)[-1][-_LAST_OF_ERRORS:]
            raise RenderingError(f"the pages could not be made (status {process.returncode}): {reason}")
        if len(pdf) > MAX_PDF_BYTES:
            raise RenderingError(f"the file has more than {MAX_PDF_BYTES:,} bytes")
        return pdf
