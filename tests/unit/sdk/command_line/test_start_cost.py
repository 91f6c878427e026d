"""The cost of starting a command, compared with importing gRPC, which it needs."""

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

MOST = 3.0
ROUNDS = 7
GRPC = (sys.executable, "-c", "import grpc")
RUN = "import sys; from megarouter_admin.command_line.application import run; run(sys.argv[1:])"
SHOW_MODULES = f"{RUN}; print(*sys.modules, file=sys.stderr)"


def megarouter(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", RUN, *arguments)


def cpu_s(command: Sequence[str]) -> float:
    """Returns the processor time of a command, which other processes affect less than wall-clock time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env={})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("keys", "--help"),
        ("keys", "list", "--help"),
        ("keys", "list"),  # reports that the address is missing
    ],
)
def test_a_command_costs_at_most_three_times_the_import_of_grpc(arguments: tuple[str, ...]) -> None:
    pairs = [(cpu_s(megarouter(*arguments)), cpu_s(GRPC)) for _ in range(ROUNDS)]
    assert statistics.median(ours / grpc for ours, grpc in pairs) < MOST, pairs


def modules(*arguments: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", SHOW_MODULES, *arguments], capture_output=True, text=True, check=True, env={}
    )
    return set(result.stderr.splitlines()[-1].split())


HEAVY = {"rich", "pydantic", "grpc"}
MOST_OF_BARE = 12.0


def test_help_costs_at_most_twelve_bare_starts_of_python() -> None:
    bare = (sys.executable, "-c", "pass")
    pairs = [(cpu_s(megarouter("--help")), cpu_s(bare)) for _ in range(ROUNDS)]
    assert statistics.median(ours / python for ours, python in pairs) < MOST_OF_BARE, pairs


def test_the_help_of_the_program_loads_neither_protobuf_nor_any_part() -> None:
    loaded = modules("--help")
    assert not {name for name in loaded if name == "google.protobuf" or name.startswith("megarouter.")}
    assert not {name for name in loaded if name.startswith("megarouter_admin.command_line.resources")}


@pytest.mark.parametrize("arguments", [("--help",), ("keys", "--help"), ("keys", "list", "--help")])
def test_help_loads_no_client_and_only_its_own_part(arguments: tuple[str, ...]) -> None:
    loaded = modules(*arguments)
    assert loaded & HEAVY == set()
    assert "megarouter_admin.command_line.resources.members" not in loaded
    assert "typer" in loaded


def test_an_unambiguous_command_line_does_not_load_typer_and_rich(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("mrt-any")
    loaded = modules("keys", "list", "--address", "127.0.0.1:1", "--token-file", str(token_file), "--limit", "5")
    assert loaded >= {"grpc", "megarouter.admin.v1.api_key_pb2"}
    assert (
        loaded & {"rich", "megarouter.admin.v1.audit_log_pb2", "megarouter_admin.command_line.resources.members"}
        == set()
    )
