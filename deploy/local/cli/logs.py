"""Reads the logs of a stack."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.process.children import last_lines

POLL_INTERVAL_S = 0.2
TAIL_LINES = 200
TAIL_BYTES = 256 * 1024
_CHUNK_BYTES = 64 * 1024


def log_names(directory: Path) -> list[str]:
    """Returns the names of the processes that have a log, sorted."""
    return sorted(path.stem for path in directory.glob("*.log"))


def prefixed(name: str, text: str, width: int) -> list[str]:
    """Splits `text` into lines and puts the process name in front of each. A `width` of 0 means no prefix."""
    return [f"{name:<{width}} | {line}" if width else line for line in text.splitlines()]


def tail(directory: Path, names: list[str]) -> Iterator[str]:
    """Yields the last lines of each log, at most 200 lines and 256 KiB of each."""
    width = _width(names)
    for name in names:
        yield from prefixed(name, last_lines(directory / f"{name}.log", TAIL_LINES, TAIL_BYTES), width)


def follow(directory: Path, names: list[str]) -> Iterator[str]:
    """Yields new lines of all logs as they are written. Never ends."""
    width = _width(names)
    readers = [_Reader(directory / f"{name}.log") for name in names]
    for reader in readers:
        reader.skip_to_end()
    while True:
        for name, reader in zip(names, readers, strict=True):
            yield from prefixed(name, reader.read_lines(), width)
        time.sleep(POLL_INTERVAL_S)


def _width(names: list[str]) -> int:
    return max(map(len, names), default=0) if len(names) > 1 else 0


@dataclass
class _Reader:
    """Reads a growing file. Starts again at the beginning if a shorter file has replaced it."""

    path: Path
    _position: int = 0
    _partial: bytes = field(default=b"", repr=False)

    def skip_to_end(self) -> None:
        self._position = self._size()

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def read_lines(self) -> str:
        """Returns the complete lines written since the last call, at most 64 KiB."""
        size = self._size()
        if size < self._position:
            self._position, self._partial = 0, b""
        if size == self._position:
            return ""
        with self.path.open("rb") as file:
            file.seek(self._position)
            chunk = file.read(_CHUNK_BYTES)
        self._position += len(chunk)
        complete, newline, self._partial = (self._partial + chunk).rpartition(b"\n")
        return (complete + newline).decode("utf-8", "replace")
