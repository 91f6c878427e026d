"""Structured logs without secrets: one JSON object per line on standard error.

No call site logs a key, a token, a body or a URL with credentials. As a second safeguard, every line is searched for
the forms of MegaRouter's secrets, and matches are removed.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRETS: Final = re.compile(
    r"mr[tcilr]?-[A-Za-z0-9_-]{43}-[0-9a-f]{6}|v2\.[A-Za-z0-9_-]{80,}\.[A-Za-z0-9,:_-]+\.[A-Za-z0-9_-]{40,}|(?<=://)[^\s\"]+(?=@)"
)


class JsonFormatter(logging.Formatter):
    """Renders a record and its `extra` fields as JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line of JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _SECRETS.sub("[removed]", json.dumps(entry, default=str, ensure_ascii=False))


def configure_logging(service: str, level: str) -> None:
    """Sends all logs of the process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
