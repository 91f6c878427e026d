"""The journal is rotated when it has grown. Its segments are kept until they are settled, and some longer."""

import http.client
from pathlib import Path

import pytest

from usage_service.journal.rotation import JournalRotation
from usage_service.journal.segments import JournalSegments, journal_name
from usage_service.journal.store import JournalPosition


class Envoy:
    """A fake Envoy that answers the request to reopen its logs, or fails."""

    def __init__(self) -> None:
        self.requests = 0
        self.is_down = False
        self.is_refusing = False
        self.predecessor = False

    def reopen_logs(self) -> None:
        self.requests += 1
        if self.is_down:
            raise ConnectionRefusedError
        if self.is_refusing:
            raise http.client.HTTPException("403")

    def has_predecessor(self) -> bool:
        return self.predecessor


class Clock:
    """A clock that the test advances."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "usage.log"
    path.write_bytes(b"x" * 100)
    return path


@pytest.fixture
def envoy() -> Envoy:
    return Envoy()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rotation(journal: Path, envoy: Envoy, clock: Clock, rotate_bytes: int = 100) -> JournalRotation:
    return JournalRotation(JournalSegments(journal), rotate_bytes, envoy, clock)


def names(journal: Path) -> list[str]:
    return sorted(path.name for path in journal.parent.iterdir())


def at(path: Path) -> JournalPosition:
    return JournalPosition(path.stat().st_ino, 0)


def test_a_grown_journal_is_rotated_and_envoy_is_asked_once(journal: Path, envoy: Envoy, clock: Clock) -> None:
    position = at(journal)
    looking = rotation(journal, envoy, clock)
    for _ in range(3):
        looking.look(position)
        clock.now_s += 10
    assert names(journal) == ["usage.log.000001"]
    assert envoy.requests == 1


def test_a_small_journal_is_not_rotated(journal: Path, envoy: Envoy, clock: Clock) -> None:
    rotation(journal, envoy, clock, rotate_bytes=101).look(at(journal))
    assert names(journal) == ["usage.log"]


def test_no_rotation_happens_while_an_earlier_segment_is_read(journal: Path, envoy: Envoy, clock: Clock) -> None:
    """Therefore, at most one segment waits to be settled."""
    segment = journal.with_name("usage.log.000001")
    segment.write_bytes(b"unsettled")
    rotation(journal, envoy, clock).look(at(segment))
    assert names(journal) == ["usage.log", "usage.log.000001"]


def test_envoy_is_asked_again_if_it_did_not_answer(journal: Path, envoy: Envoy, clock: Clock) -> None:
    looking = rotation(journal, envoy, clock)
    position = at(journal)
    envoy.is_down = True
    looking.look(position)
    looking.look(position)
    assert envoy.requests == 1
    envoy.is_down = False
    clock.now_s += 1
    looking.look(position)
    assert envoy.requests == 2


def test_envoy_is_asked_if_the_previous_process_was_killed_before_asking(
    journal: Path, envoy: Envoy, clock: Clock
) -> None:
    """Seen to fail without the check for a missing journal."""
    JournalSegments(journal).set_aside()
    rotation(journal, envoy, clock).look(None)
    assert envoy.requests == 1


def test_a_refused_request_does_not_raise(journal: Path, envoy: Envoy, clock: Clock) -> None:
    envoy.is_refusing = True
    rotation(journal, envoy, clock).look(at(journal))
    assert names(journal) == ["usage.log.000001"]


def test_no_rotation_happens_while_a_replaced_envoy_still_writes(journal: Path, envoy: Envoy, clock: Clock) -> None:
    """Only the new Envoy can be asked to open the next file. Seen to fail without the question."""
    looking = rotation(journal, envoy, clock)
    envoy.predecessor = True
    looking.look(at(journal))
    assert names(journal) == ["usage.log"]
    envoy.predecessor = False
    clock.now_s += 1
    looking.look(at(journal))
    assert names(journal) == ["usage.log.000001"]


def test_only_segments_before_the_position_are_retired_and_the_oldest_are_deleted(journal: Path) -> None:
    for number in (1, 2, 3, 4, 5):
        journal.with_name(f"usage.log.{number:06}").write_bytes(b"x")
    segments = JournalSegments(journal)
    segments.retire_before(at(journal.with_name("usage.log.000004")).inode, keep=2)
    assert names(journal) == [
        "usage.log",
        "usage.log.000002.settled",
        "usage.log.000003.settled",
        "usage.log.000004",
        "usage.log.000005",
    ]
    segments.retire_before(at(journal).inode, keep=0)
    assert names(journal) == ["usage.log"]


def test_a_position_in_an_unknown_file_retires_nothing(journal: Path, tmp_path: Path) -> None:
    journal.with_name("usage.log.000001").write_bytes(b"x")
    other = tmp_path / "other"
    other.write_bytes(b"x")
    JournalSegments(journal).retire_before(at(other).inode, keep=0)
    assert "usage.log.000001" in names(journal)


def test_numbers_continue_after_the_highest(journal: Path) -> None:
    journal.with_name("usage.log.000009.settled").write_bytes(b"x")
    JournalSegments(journal).set_aside()
    assert names(journal) == ["usage.log.000009.settled", "usage.log.000010"]


def test_the_journal_keeps_a_name_that_no_segment_has(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    assert journal_name(journal) == journal_name(journal) != journal_name(other)
    assert names(journal) == ["other.log.name", "usage.log", "usage.log.name"]
