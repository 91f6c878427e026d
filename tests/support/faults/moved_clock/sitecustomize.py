"""Moves the wall clock of a Python process by the number of seconds in a file, which may change at any time.

Python imports this module at startup if its directory is on the path.
"""

import os
import time
from pathlib import Path

_FILE = Path(os.environ["MOVED_CLOCK_FILE"])
_true_time_ns = time.time_ns


def _time_ns() -> int:
    return _true_time_ns() + int(_FILE.read_text(encoding="utf-8")) * 10**9


def _time() -> float:
    return _time_ns() / 10**9


time.time_ns = _time_ns
time.time = _time
