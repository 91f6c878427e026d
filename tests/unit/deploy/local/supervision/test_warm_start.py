"""Services that are forks of one process, which has loaded the modules that they share."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.process.children import ChildCommand
from deploy.local.supervision.warm_start import WarmStart, WarmStartError, warm_start

MODULE = """
import os, signal, sys, time

def main():
    print("environment", sorted(os.environ), flush=True)
    print("directory", os.getcwd(), sys.argv[1:], flush=True)
    print("descriptors", sorted(map(int, os.listdir("/proc/self/fd")))[:4], flush=True)
    deed = os.environ["DEED"]
    if deed == "wait":
        time.sleep(60)
    elif deed == "fail":
        raise ValueError("the reason it gives")
    else:
        sys.exit(int(deed))
"""


@pytest.fixture
def modules(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Returns a function that writes packages, and returns the environment in which Python finds them."""

    def write(**sources: str) -> dict[str, str]:
        for name, source in sources.items():
            package = tmp_path / "modules" / name
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "__main__.py").write_text(source)
        return {"PYTHONPATH": str(tmp_path / "modules"), "PATH": os.environ["PATH"]}

    return write


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., ChildCommand]:
    def make(**environment: str) -> ChildCommand:
        return ChildCommand(["unused"], environment, tmp_path, tmp_path / "fork.log")

    return make


def ended(process_id: int, timeout_s: float = 60.0) -> bool:
    """Returns whether the process ends, or becomes a zombie, within the time limit."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def logged(tmp_path: Path, what: str, timeout_s: float = 60.0) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        text = (tmp_path / "fork.log").read_text() if (tmp_path / "fork.log").exists() else ""
        if what in text:
            return text
        time.sleep(0.02)
    raise AssertionError(f"{what} was not logged: {text}")


def parent_of(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])


def readable_by_all(process_id: int) -> tuple[list[str], bytes]:
    """Returns the command line of a process, and the command line with its initial environment, as the kernel shows them."""
    shown = Path(f"/proc/{process_id}/cmdline").read_bytes()
    words = shown.rstrip(b"\0").decode().split("\0")
    return words, shown + Path(f"/proc/{process_id}/environ").read_bytes()


async def test_a_fork_has_only_the_environment_directory_and_log_of_its_command(
    modules: Callable[..., dict[str, str]], command: Callable[..., ChildCommand], tmp_path: Path
) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        process = warm.start("quiet", command(DEED="wait", SECRET="rare-word"))
        text = logged(tmp_path, "descriptors")
        assert "environment ['DEED', 'SECRET']" in text
        assert f"directory {tmp_path} []" in text
        assert "descriptors [0, 1, 2, 3]" in text  # the last one belongs to the listing
        words, readable = readable_by_all(process.pid)
        assert words[1:] == ["-m", "quiet"]
        assert b"rare-word" not in readable
        assert os.getsid(process.pid) == process.pid


async def test_the_end_of_each_fork_is_reported_with_its_status(
    modules: Callable[..., dict[str, str]], command: Callable[..., ChildCommand], tmp_path: Path
) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        first, second = (warm.start("quiet", command(DEED=deed)) for deed in ("3", "fail"))
        third = warm.start("quiet", command(DEED="wait"))
        os.kill(third.pid, signal.SIGTERM)
        assert (third.wait(), second.wait(), first.wait()) == (-signal.SIGTERM, 1, 3)
    assert "the reason it gives" in logged(tmp_path, "ValueError")


async def test_forks_end_when_the_supervisor_closes_its_side(
    modules: Callable[..., dict[str, str]], command: Callable[..., ChildCommand], tmp_path: Path
) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        process = warm.start("quiet", command(DEED="wait"))
        logged(tmp_path, "descriptors")
    assert ended(process.pid)


async def test_forks_end_with_the_warm_process_and_the_next_start_is_a_normal_one(
    modules: Callable[..., dict[str, str]], command: Callable[..., ChildCommand], tmp_path: Path
) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        process = warm.start("quiet", command(DEED="wait"))
        logged(tmp_path, "descriptors")
        os.kill(parent_of(process.pid), signal.SIGKILL)
        assert ended(process.pid)
        assert process.wait() == -signal.SIGKILL  # no process is left to report it
        with pytest.raises(WarmStartError):
            warm.start("quiet", command(DEED="wait"))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('no such thing')", "no such thing"),
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "forking is not safe",
        ),
    ],
)
async def test_services_whose_modules_cannot_be_preloaded_start_normally(
    modules: Callable[..., dict[str, str]],
    command: Callable[..., ChildCommand],
    tmp_path: Path,
    source: str,
    reason: str,
) -> None:
    with warm_start(["broken"], modules(broken=source), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        with pytest.raises(WarmStartError):
            warm.start("broken", command(DEED="wait"))
    assert reason in (tmp_path / "warm.log").read_text()


async def test_an_environment_too_large_to_pass_does_not_affect_other_forks(
    modules: Callable[..., dict[str, str]], command: Callable[..., ChildCommand], tmp_path: Path
) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        with pytest.raises(WarmStartError, match="too large"):
            warm.start("quiet", command(DEED="wait", LONG="x" * 200_000))
        assert warm.start("quiet", command(DEED="0")).wait() == 0


async def test_several_starts_wait_for_one_loading(modules: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    with warm_start(["quiet"], modules(quiet=MODULE), tmp_path / "warm.log") as warm:
        await warm.until_loaded()
        await warm.until_loaded()
        assert isinstance(warm, WarmStart)
