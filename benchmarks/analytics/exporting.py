"""Measures the export of calls as an operator runs it, in a process of its own."""

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from admin_service.analytics.exports.__main__ import DATABASE_URL
from benchmarks.analytics.past import END, ORGANIZATION
from deploy.local.stack.database_urls import login_url

_KB_PER_MB = 1_024


@dataclass(frozen=True, slots=True)
class Export:
    """What an export took."""

    rows: int
    seconds: float
    size_mb: float
    peak_memory_mb: float
    """Of the exporting process, without PostgreSQL."""

    @property
    def rows_per_s(self) -> float:
        """Rows per second, with the start of the process."""
        return self.rows / self.seconds


def export_days(url: str, days: int) -> Export:
    """Exports the last days of the year to a file.

    Raises:
        RuntimeError: the export failed.
    """
    start = END - dt.timedelta(days=days)
    with tempfile.TemporaryDirectory(prefix="megarouter-export-") as folder:
        file = Path(folder) / "calls.csv"
        command = [sys.executable, "-m", "admin_service.analytics.exports", "calls", "--organization", ORGANIZATION]
        command += ["--since", start.isoformat(), "--until", END.isoformat(), "--output", str(file)]
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=os.environ | {DATABASE_URL: login_url(url, "megarouter_admin")},
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise RuntimeError(f"the export ended with {os.waitstatus_to_exitcode(status)}")
        with file.open("rb") as lines:
            rows = sum(1 for _ in lines) - 1
        return Export(rows, seconds, file.stat().st_size / 1e6, usage.ru_maxrss / _KB_PER_MB)
