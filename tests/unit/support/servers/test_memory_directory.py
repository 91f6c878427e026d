"""Where the contract tests' database server keeps its data."""

import subprocess
from pathlib import Path

import pytest

from tests.support.servers import memory_directory as subject
from tests.support.servers.memory_directory import memory_directory


def test_it_lies_in_memory_and_is_gone_afterwards(tmp_path: Path) -> None:
    with memory_directory(tmp_path / "disk", memory=tmp_path) as directory:
        assert directory.parent == tmp_path
        (directory / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_without_room_in_memory_it_lies_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_ROOM_BYTES", 2**62)
    with memory_directory(tmp_path / "disk", memory=tmp_path) as directory:
        assert directory == tmp_path / "disk"
    with memory_directory(tmp_path / "disk", memory=tmp_path / "none") as directory:
        assert directory == tmp_path / "disk"


def test_what_a_killed_run_has_left_is_removed_and_what_another_uses_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"megarouter-tests-{ended.pid}-x").mkdir()
    (tmp_path / "megarouter-tests-1-x").mkdir()
    (tmp_path / "of somebody else").mkdir()
    with memory_directory(tmp_path / "disk", memory=tmp_path):
        assert {one.name for one in tmp_path.iterdir()} >= {"megarouter-tests-1-x", "of somebody else"}
        assert not (tmp_path / f"megarouter-tests-{ended.pid}-x").exists()
