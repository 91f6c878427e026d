"""Makes the PDF of a report in a process of its own, so that the event loop goes on and the report has limits."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.reports.report import MAX_BYTES, Report
from admin_service.analytics.signatures.keys import SigningFiles

TIMEOUT_S: Final = 60.0
"""A report of a year with 1,000 members takes about a second."""
MEMORY_BYTES: Final = 2 * 1024**3
PROCESSOR_S: Final = 60
MAX_PDF_BYTES: Final = 32 * 1024 * 1024
_AT_ONCE: Final = 2
_OUT_OF_TIME: Final = frozenset({-signal.SIGXCPU, -signal.SIGKILL})
_OUT_OF_MEMORY: Final = re.compile(
    r"MemoryError|memory allocation of \d+ bytes failed|[Cc]annot allocate memory|failed to map segment"
)
"""As Python, the compiler of the pages and the loader of libraries say it."""
_LAST_OF_ERRORS: Final = 500


class RenderingError(Exception):
    """The pages have a fault. The message names it, without any data of the report."""


class OversizeError(Exception):
    """The report is too large, or its pages took too long or too much memory. The message says which."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report as PDF. The same report, release and key give the same bytes."""

    file: bytes
    pages_size: int
    """How many of its first bytes are the file without a signature: all if it has none."""

    @property
    def pages(self) -> bytes:
        """The file without a signature."""
        return self.file[: self.pages_size]

    @property
    def is_signed(self) -> bool:
        """Whether the file has a signature."""
        return self.pages_size < len(self.file)


class Renderer:
    """Runs at most two processes at once; further reports wait."""

    def __init__(self, timeout_s: float = TIMEOUT_S, signing: SigningFiles | None = None) -> None:
        """Prepares the work.

        Args:
            timeout_s: for each report.
            signing: what to sign with; None for no signatures. The files are read for each report.
        """
        self._timeout_s = timeout_s
        self._signing = () if signing is None else (str(signing.key), str(signing.certificates))
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def render(self, report: Report) -> Rendered:
        """Returns the report as PDF.

        Raises:
            OversizeError: it is too large, or took too long or too much memory.
            RenderingError: it has a fault.
        """
        data = report.canonical()
        if len(data) > MAX_BYTES:
            raise OversizeError("its data is too large")
        async with self._places:
            return await self._run(data)

    async def _run(self, data: bytes) -> Rendered:
        process = self._start()
        try:
            output, errors = await asyncio.to_thread(process.communicate, data, self._timeout_s)
        except subprocess.TimeoutExpired:
            raise OversizeError(f"making the pages took more than {self._timeout_s:g} seconds") from None
        finally:
            process.kill()  # does nothing if it has ended
            process.wait()
        if process.returncode != 0:
            raise _failure_of(process.returncode, errors)
        size, _, file = output.partition(b"\n")
        if len(file) > MAX_PDF_BYTES:
            raise OversizeError(f"the file has more than {MAX_PDF_BYTES:,} bytes")
        return Rendered(file, int(size))

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "admin_service.analytics.reports.worker", str(MEMORY_BYTES), str(PROCESSOR_S), *self._signing],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # Nothing of the service's environment, which has secrets, but where Python finds its modules.
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ},
        )  # fmt: skip


def _failure_of(status: int, errors: bytes) -> OversizeError | RenderingError:
    """Returns what an unsuccessful process ran into."""
    text = errors.decode(errors="replace").strip()
    if status in _OUT_OF_TIME:
        return OversizeError("making the pages took too much time of the processor")
    if _OUT_OF_MEMORY.search(text):
        return OversizeError("making the pages took too much memory")
    # The last line names the error. It has no names of people: the compiler gets them as data.
    reason = text.rsplit("\n", 1)[-1][-_LAST_OF_ERRORS:]
    return RenderingError(f"the pages could not be made (status {status}): {reason}")
