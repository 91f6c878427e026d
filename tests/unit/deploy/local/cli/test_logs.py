import threading
from pathlib import Path

from deploy.local.cli.logs import follow, log_names, tail
from deploy.local.process.children import last_lines


def test_lines_of_several_logs_are_prefixed_but_those_of_one_are_not(tmp_path: Path) -> None:
    (tmp_path / "envoy.log").write_text("first\nsecond\n")
    (tmp_path / "redis.log").write_text("ready\n")
    assert log_names(tmp_path) == ["envoy", "redis"]
    assert list(tail(tmp_path, ["envoy"])) == ["first", "second"]
    assert list(tail(tmp_path, ["envoy", "redis"])) == ["envoy | first", "envoy | second", "redis | ready"]


def test_following_starts_with_new_lines_and_survives_a_replaced_file(tmp_path: Path) -> None:
    log = tmp_path / "envoy.log"
    log.write_text("old line\n")
    lines = follow(tmp_path, ["envoy"])

    def append(text: str) -> None:
        with log.open("a") as file:
            file.write(text)

    # Following starts at the file's size when the first line is requested, so the new line must come after that.
    threading.Timer(0.3, append, ["new "]).start()
    threading.Timer(0.6, append, ["line\n"]).start()
    assert next(lines) == "new line"
    log.write_text("again\n")
    assert next(lines) == "again"


def test_the_end_of_a_log_is_bounded_in_lines_and_bytes(tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    log.write_text("".join(f"{number}\n" for number in range(100_000)))
    assert last_lines(log, count=2) == "99998\n99999"
    assert len(last_lines(log, count=100_000, limit_bytes=1000)) <= 1000
    assert last_lines(tmp_path / "absent.log") == ""
