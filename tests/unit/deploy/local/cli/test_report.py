import dataclasses
import json
import subprocess
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.cli.report import curl_line, is_healthy, keys_table, process_table, providers_line, tour, uptime
from deploy.local.process.recorded_process import RecordedProcess
from deploy.local.stack.state import Health, Phase, ProcessState, StackState, read_state, write_state

ENVIRONMENT = {"MEGAROUTER_BASE_URL": "http://127.0.0.1:18000", "MEGAROUTER_API_KEY": "mr-it's"}
STATE = StackState(
    phase=Phase.READY,
    supervisor=RecordedProcess(7, 700, "boot"),
    port_base=18000,
    processes=(
        ProcessState("envoy", "http://127.0.0.1:18000", Health.READY, RecordedProcess(8, 800, "boot"), 1000.0),
        ProcessState("redis", "127.0.0.1:18004", Health.RESTARTING, restarts=3, last_exit="SIGKILL"),
        ProcessState("postgres", "db.example:5432", Health.EXTERNAL),
    ),
    real_providers=("openai",),
    mock_providers=("anthropic", "google"),
    example_model="gpt-4o-mini",
)


def _render(table: Table) -> list[str]:
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_table_shows_each_process_with_its_health() -> None:
    assert [line.split() for line in _render(process_table(STATE, now=1000.0 + 3725))] == [
        ["process", "address", "pid", "health", "uptime", "restarts"],
        ["envoy", "http://127.0.0.1:18000", "8", "ready", "1:02:05"],
        ["redis", "127.0.0.1:18004", "restarting", "(SIGKILL)", "3"],
        ["postgres", "db.example:5432", "external"],
    ]


def test_demo_keys_are_listed_without_their_secrets() -> None:
    key = {
        "name": "organizations/acme/apiKeys/emma-default",
        "role": "MEMBER",
        "group": "engineering > platform",
        "shows": "an answer",
        "key": "mr-secret",
    }
    assert [line.split() for line in _render(keys_table({"api_keys": [key]}))] == [
        ["demo", "key", "role", "group", "what", "a", "call", "shows"],
        ["emma-default", "MEMBER", "platform", "an", "answer"],
    ]


def test_a_stack_is_healthy_only_when_every_process_is() -> None:
    assert not is_healthy(STATE)
    assert is_healthy(dataclasses.replace(STATE, processes=(STATE.processes[0], STATE.processes[2])))


def test_real_providers_are_named() -> None:
    assert providers_line(STATE) == "providers: 2 answered by the mock, real: openai"


def test_uptime_never_runs_backwards() -> None:
    assert uptime(1000.0, 999.0) == "0:00:00"
    assert uptime(None, 1000.0) == ""


def test_the_curl_line_survives_a_shell() -> None:
    line = curl_line(ENVIRONMENT, "gpt-4o-mini").replace("curl", "printf '%s\\n'", 1)
    words = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[:5] == [
        "-sS",
        "http://127.0.0.1:18000/v1/chat/completions",
        "-H",
        "Authorization: Bearer mr-it's",
        "-H",
    ]
    assert json.loads(words[-1]) == {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}


def test_the_tour_names_the_home_in_every_command_when_it_is_not_the_default() -> None:
    commands = "\n".join(tour(ENVIRONMENT, STATE, Path("/srv/run"), " --home /srv/run"))
    assert "./dev status --home /srv/run" in commands
    assert "./dev down --home /srv/run" in commands
    assert ". /srv/run/env" in commands


def test_the_tour_calls_the_admin_api_without_showing_its_token() -> None:
    environment = {**ENVIRONMENT, "MEGAROUTER_ADMIN_TOKEN": "mrt-canary"}
    commands = "\n".join(tour(environment, STATE, Path("/srv/run"), ""))
    assert '"$MEGAROUTER_ADMIN_URL/v1/$MEGAROUTER_ORGANIZATION/apiKeys"' in commands
    assert "mrt-canary" not in commands


def test_a_written_state_is_read_back(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", STATE)
    assert read_state(tmp_path / "state.json") == STATE


def test_an_unreadable_state_file_counts_as_absent(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for content in ("", "[]", "{}", '{"phase": "asleep"}', "\x00"):
        file.write_text(content)
        assert read_state(file) is None
