"""The journal is read in complete lines, some time after they are written, across rotations and replacements."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from usage_service.journal.file import PAGE_BYTES, JournalFile, JournalLines
from usage_service.journal.segments import JournalSegments
from usage_service.journal.store import JournalPosition


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.log"


def reader(
    path: Path, clock: Callable[[], float], position: JournalPosition | None = None, delay_s: float = 1.0
) -> JournalFile:
    return JournalFile(JournalSegments(path), position, delay_s, clock)


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def read_on(file: JournalFile, clock: Clock) -> list[bytes]:
    """Advances the clock beyond the delay, and returns everything that can be read."""
    lines: list[bytes] = []
    for _ in range(10):
        page = file.read()
        lines.extend(line for _, line in page.lines) if page else None
        clock.now_s += 0.5
    return lines


def required(page: JournalLines | None) -> JournalLines:
    assert page is not None
    return page


def test_existing_lines_are_read_immediately(path: Path, clock: Clock) -> None:
    append(path, b"one\ntwo\n")
    page = required(reader(path, clock).read())
    assert page.lines == ((0, b"one"), (4, b"two"))
    assert page.end == JournalPosition(path.stat().st_ino, 8, hashlib.sha256(b"one\ntwo\n").digest())


def test_later_lines_are_read_after_the_delay(path: Path, clock: Clock) -> None:
    append(path, b"one\n")
    file = reader(path, clock)
    file.read()
    append(path, b"two\n")
    assert file.read() is None
    clock.now_s += 0.9
    assert file.read() is None
    clock.now_s += 0.2
    assert required(file.read()).lines == ((4, b"two"),)


def test_the_reader_waits_for_a_missing_journal(path: Path, clock: Clock) -> None:
    file = reader(path, clock)
    assert file.read() is None
    append(path, b"one\n")
    assert read_on(file, clock) == [b"one"]


def test_a_torn_line_waits_for_its_rest(path: Path, clock: Clock) -> None:
    append(path, b"one\ntw")
    file = reader(path, clock)
    assert required(file.read()).lines == ((0, b"one"),)
    assert file.read() is None
    append(path, b"o\n")
    assert read_on(file, clock) == [b"two"]


def test_reading_resumes_where_it_stopped(path: Path, clock: Clock) -> None:
    append(path, b"one\ntwo\n")
    position = JournalPosition(path.stat().st_ino, 4)
    assert required(reader(path, clock, position).read()).lines == ((4, b"two"),)


def test_a_truncated_file_is_read_from_its_start(path: Path, clock: Clock) -> None:
    append(path, b"one\ntwo\n")
    file = reader(path, clock)
    file.read()
    path.write_bytes(b"new\n")
    assert read_on(file, clock) == [b"new"]


def test_a_file_truncated_between_two_runs_is_read_from_its_start(path: Path, clock: Clock) -> None:
    append(path, b"new\n")
    position = JournalPosition(path.stat().st_ino, 400)
    assert read_on(reader(path, clock, position), clock) == [b"new"]


def test_a_replaced_file_is_read_to_its_end_before_the_new_one(path: Path, clock: Clock) -> None:
    append(path, b"one\n")
    file = reader(path, clock)
    file.read()
    append(path, b"two\n")
    path.rename(path.with_suffix(".log.1"))
    append(path, b"three\n")
    assert read_on(file, clock) == [b"two", b"three"]


def test_the_reader_waits_until_the_replacement_of_a_file_exists(path: Path, clock: Clock) -> None:
    append(path, b"one\n")
    file = reader(path, clock)
    file.read()
    path.rename(path.with_suffix(".log.1"))
    append(path.with_suffix(".log.1"), b"two\n")
    assert read_on(file, clock) == [b"two"]
    append(path, b"three\n")
    assert read_on(file, clock) == [b"three"]


def test_a_file_that_was_replaced_between_two_runs_is_finished_first(path: Path, clock: Clock) -> None:
    append(path, b"one\ntwo\n")
    position = JournalPosition(path.stat().st_ino, 4)
    path.rename(path.with_suffix(".log.1"))
    append(path, b"three\n")
    assert read_on(reader(path, clock, position), clock) == [b"two", b"three"]


def test_a_file_that_grew_after_the_check_for_its_successor_is_read_completely(path: Path, clock: Clock) -> None:
    """Seen to fail when the size is read before the check for the next file."""
    append(path, b"one\n")
    file = JournalFile(HastySegments(path), None, 1.0, clock)
    assert read_on(file, clock) == [b"one", b"two", b"three"]


def test_a_recreated_longer_file_is_read_from_its_start(path: Path, clock: Clock) -> None:
    """Seen to fail without the comparison of the first bytes: the inode was the same and the file was long enough."""
    append(path, b"one\n")
    file = reader(path, clock)
    file.read()
    path.write_bytes(b"new and longer\nand longer\n")
    assert read_on(file, clock) == [b"new and longer", b"and longer"]


def test_a_file_recreated_between_two_runs_is_read_from_its_start(path: Path, clock: Clock) -> None:
    """Seen to fail without the fingerprint: the inode was the same and the file was long enough."""
    append(path, b"one\n")
    position = required(reader(path, clock).read()).end
    path.write_bytes(b"new and longer\nand longer\n")
    assert read_on(reader(path, clock, position), clock) == [b"new and longer", b"and longer"]


def test_a_file_that_grew_between_two_runs_is_the_same_file(path: Path, clock: Clock) -> None:
    append(path, b"one\n")
    position = required(reader(path, clock).read()).end
    append(path, b"two\n")
    assert read_on(reader(path, clock, position), clock) == [b"two"]


def test_segments_are_read_in_order_before_the_journal(path: Path, clock: Clock) -> None:
    append(path.with_name("usage.log.000001.settled"), b"zero\n")
    append(path.with_name("usage.log.000002"), b"one\n")
    append(path.with_name("usage.log.000010"), b"two\n")
    append(path, b"three\n")
    assert read_on(reader(path, clock), clock) == [b"one", b"two", b"three"]


def test_everything_after_a_position_in_a_settled_segment_is_read_again(path: Path, clock: Clock) -> None:
    """This lets a database restored to an earlier state catch up, as far as segments are kept."""
    settled = path.with_name("usage.log.000001.settled")
    append(settled, b"one\ntwo\n")
    append(path.with_name("usage.log.000002.settled"), b"three\n")
    append(path, b"four\n")
    position = JournalPosition(settled.stat().st_ino, 4, hashlib.sha256(b"one\n").digest())
    assert read_on(reader(path, clock, position), clock) == [b"two", b"three", b"four"]


def test_the_reader_has_caught_up_once_all_initial_lines_are_read(path: Path, clock: Clock) -> None:
    append(path.with_name("usage.log.000001"), b"one\n")
    append(path, b"two\n")
    file = reader(path, clock)
    states = []
    while file.read() is not None:
        states.append(file.is_caught_up)
    assert states == [False, False, False]
    assert file.is_caught_up
    append(path, b"three\n")
    assert file.read() is None


def test_the_remaining_bytes_are_summed_over_all_files(path: Path, clock: Clock) -> None:
    append(path.with_name("usage.log.000001"), b"one\n")
    append(path.with_name("usage.log.000002"), b"two\n")
    append(path, b"three\n")
    file = reader(path, clock)
    seen = []
    while file.read() is not None:
        seen.append(file.remaining_bytes())
    assert seen == [10, 10, 6, 6, 0]


class HastySegments(JournalSegments):
    """Makes Envoy write a last line and open the next file right before the reader checks for the next file."""

    def following(self, inode: int) -> Path:
        aside = self.journal.with_name("usage.log.000001")
        if not aside.exists():
            self.journal.rename(aside)
            append(aside, b"two\n")
            append(self.journal, b"three\n")
        return super().following(inode)


def test_a_journal_that_does_not_match_the_stored_position_is_read_from_its_start(path: Path, clock: Clock) -> None:
    append(path, b"one\n")
    position = JournalPosition(path.stat().st_ino + 1, 4)
    assert required(reader(path, clock, position).read()).lines == ((0, b"one"),)


def test_a_permanently_torn_line_is_skipped(path: Path, clock: Clock) -> None:
    append(path, b"one\ntw")
    file = reader(path, clock)
    file.read()
    path.rename(path.with_suffix(".log.1"))
    append(path, b"three\n")
    page = None
    while page is None:
        clock.now_s += 0.5
        page = file.read()
    assert page.passed_over == 1
    assert read_on(file, clock) == [b"three"]


def test_an_overlong_line_is_skipped(path: Path, clock: Clock) -> None:
    append(path, b"x" * (PAGE_BYTES + 10) + b"\nshort\n")
    file = reader(path, clock)
    assert required(file.read()).passed_over == 1
    assert required(file.read()).lines[-1] == (PAGE_BYTES + 11, b"short")


def test_a_page_is_bounded_and_ends_with_a_line(path: Path, clock: Clock) -> None:
    line = b"x" * 999 + b"\n"
    append(path, line * 3_000)
    file = reader(path, clock)
    pages = [required(file.read()) for _ in range(3)]
    assert [len(page.lines) for page in pages] == [1_048, 1_048, 904]
    assert file.read() is None
