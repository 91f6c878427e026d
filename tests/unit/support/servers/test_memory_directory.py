"""The directory where the contract tests' database server keeps its data."""

import subprocess
from pathlib import Path

import pytest

from tests.support.servers import memory_directory as subject
from tests.support.servers.memory_directory import memory_directory


def test_the_directory_is_in_memory_and_removed_afterwards(tmp_path: Path) -> None:
    with memory_directory(tmp_path / "disk", memory=tmp_path) as directory:
        assert directory.parent == tmp_path
        (directory / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_the_other_directory_is_used_without_room_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_ROOM_BYTES", 2**62)
    with memory_directory(tmp_path / "disk", memory=tmp_path) as directory:
        assert directory == tmp_path / "disk"
    with memory_directory(tmp_path / "disk", memory=tmp_path / "none") as directory:
        assert directory == tmp_path / "disk"


def test_directories_of_killed_runs_but_not_of_running_ones_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"megarouter-tests-{ended.pid}-x").mkdir()
    (tmp_path / "megarouter-tests-1-x").mkdir()
    (tmp_path / "of another program").mkdir()
    with memory_directory(tmp_path / "disk", memory=tmp_path):
        assert {one.name for one in tmp_path.iterdir()} >= {"megarouter-tests-1-x", "of another program"}
        assert not (tmp_path / f"megarouter-tests-{ended.pid}-x").exists()
