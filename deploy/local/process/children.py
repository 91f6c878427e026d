"""Starts and ends child processes without threads, and leaves none behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process.privilege import Account

LAUNCHER = Path(__file__).with_name("launch.py")
KILL_WAIT_S = 5.0
LOG_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ChildCommand:
    """How to start one program. The command must not contain a secret, because every user can read it."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log_file: Path
    death_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


class StartError(Exception):
    """A program did not start or did not become ready. The message says why, and ends with its last log lines if it has any."""


def start_child(
    child: ChildCommand, *, stdin: int = subprocess.DEVNULL, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Starts the program in its own session and appends its output to its log file (mode 0600).

    The kernel sends `death_signal` to the program when the calling thread ends, so call this on the main thread.

    Args:
        child: the program.
        stdin: as for `subprocess.Popen`.
        stdout: as for `subprocess.Popen`; None means the log file.
    """
    log = open_log(child.log_file)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), *_launcher_arguments(child), *child.command],
            env=dict(child.environment),
            cwd=child.directory,
            stdin=stdin,
            stdout=log if stdout is None else stdout,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def open_log(log_file: Path) -> int:
    """Opens a log (mode 0600) for appending and returns its descriptor.

    A log larger than 16 MiB is first renamed to `*.log.1` and replaces the previous one, so that logs do not grow forever.
    """
    if log_file.exists() and log_file.stat().st_size > LOG_MAX_BYTES:
        log_file.replace(log_file.with_name(log_file.name + ".1"))
    return os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _launcher_arguments(child: ChildCommand) -> list[str]:
    account = child.account
    return [
        str(os.getpid()),
        str(int(child.death_signal)),
        "-" if account is None else str(account.user_id),
        "-" if account is None else str(account.group_id),
        "all" if account is not None and account.reads_all else "-",
    ]


def run_child(child: ChildCommand, name: str, timeout_s: float, stdin: bytes = b"") -> None:
    """Runs a program and waits until it ends.

    Raises:
        StartError: the program failed, or took longer than `timeout_s` and was killed.
    """
    process = start_child(child, stdin=subprocess.PIPE)
    try:
        process.communicate(stdin, timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise StartError(f"{name} took longer than {timeout_s:g} s:\n{last_lines(child.log_file)}") from None
    if process.returncode != 0:
        raise StartError(f"{name} ended with status {process.returncode}:\n{last_lines(child.log_file)}")


def stop_child(process: subprocess.Popen[bytes], stop_signal: signal.Signals, timeout_s: float) -> None:
    """Sends the stop signal to the program, and kills it if it has not ended after `timeout_s`."""
    if process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(KILL_WAIT_S)


def last_lines(log_file: Path, count: int = 15, limit_bytes: int = 16_384) -> str:
    """Returns the last `count` lines of a file, read from its last `limit_bytes`. Empty if the file cannot be read."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - limit_bytes))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])


def wait_until_ready(
    process: subprocess.Popen[bytes], name: str, log_file: Path, is_ready: Callable[[int], bool], timeout_s: float
) -> None:
    """Polls `is_ready`, which receives the pid, until the program is ready.

    Raises:
        StartError: the program ended, or was not ready after `timeout_s` and was killed.
    """
    deadline = time.monotonic() + timeout_s
    while not is_ready(process.pid):
        if process.poll() is not None:
            raise StartError(f"{name} ended with status {process.returncode}:\n{last_lines(log_file)}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait(KILL_WAIT_S)
            raise StartError(f"{name} was not ready within {timeout_s:g} s:\n{last_lines(log_file)}")
        time.sleep(0.01)
