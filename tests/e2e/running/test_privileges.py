"""What the processes of a stack may do, and what others can read of them: seen from /proc."""

import json
import os
from pathlib import Path

import pytest

from deploy.local.stack.state import read_state
from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.tenants import Tenant

CAN_READ = 1 << 2
"""CAP_DAC_READ_SEARCH: the only capability of a program whose installation or home is closed to its user."""
SERVICES = ("authz_service", "ratelimit_service", "usage_service", "admin_service", "notification_service")


@pytest.fixture
def pids(stack: Stack) -> dict[str, int]:
    state = read_state(stack.home.state_file)
    assert state is not None
    return {process.name: process.identity.pid for process in state.processes if process.identity is not None}


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop privileges")
def test_no_program_runs_as_root(pids: dict[str, int]) -> None:
    assert {*SERVICES, "envoy", "postgres", "redis", "mock_provider", "inbox"} <= pids.keys()
    for name, pid in pids.items():
        status = status_of(pid)
        assert "0" not in status["Uid"].split() + status["Gid"].split() + status["Groups"].split(), name
        assert all(int(status[field], 16) & ~CAN_READ == 0 for field in ("CapPrm", "CapEff", "CapAmb")), name
        assert status["NoNewPrivs"] == "1", name


def test_no_program_leaves_a_core_dump(pids: dict[str, int]) -> None:
    for name, pid in pids.items():
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
        assert [line.split()[4:6] for line in limits if line.startswith("Max core file size")] == [["0", "0"]], name


def test_the_memory_of_services_is_closed_to_other_programs_of_their_user(pids: dict[str, int]) -> None:
    """The kernel gives the files of a process that may not be dumped to root."""
    for name in SERVICES:
        assert Path(f"/proc/{pids[name]}/environ").stat().st_uid == 0, name


def test_no_command_line_has_a_secret(stack: Stack, pids: dict[str, int], tenant: Tenant) -> None:
    secrets = json.loads(stack.home.secrets_file.read_text(encoding="utf-8")).values()
    for name, pid in pids.items():
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
        assert not [secret for secret in (*secrets, tenant.key) if secret in command], name


def test_others_can_read_no_file_of_the_home_that_has_a_secret(stack: Stack) -> None:
    secrets = [value.encode() for value in json.loads(stack.home.secrets_file.read_text(encoding="utf-8")).values()]
    for path in stack.home.directory.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o044 and not path.is_relative_to(stack.home.postgres):
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
