"""What people see: the table of what runs, and what to try."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from deploy.local.stack.state import Health, ProcessState, StackState

_STYLES = {
    Health.READY: "green",
    Health.EXTERNAL: "cyan",
    Health.STARTING: "yellow",
    Health.RESTARTING: "yellow",
    Health.NOT_READY: "red",
    Health.STOPPED: "red",
}

ADMIN_CURL = (
    'curl -sS -H "Authorization: Bearer $MEGAROUTER_ADMIN_TOKEN" '
    '"$MEGAROUTER_ADMIN_URL/v1/$MEGAROUTER_ORGANIZATION/apiKeys"'
)


def process_table(state: StackState, now: float) -> Table:
    """One line per process. `now` in seconds since the epoch."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "address", "pid", "health", "uptime", "restarts"):
        table.add_column(column, overflow="fold", justify="right" if column in {"pid", "restarts"} else "left")
    for process in state.processes:
        table.add_row(
            process.name,
            process.address,
            str(process.identity.pid) if process.identity else "",
            Text(_health(process), style=_STYLES[process.health]),
            uptime(process.started_at, now),
            str(process.restarts or ""),
        )
    return table


def keys_table(demo: Mapping[str, Any]) -> Table:
    """The API keys of the demo organization, and what a call with each shows."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("demo key", "role", "group", "a call shows"):
        table.add_column(column, overflow="fold")
    for key in demo["api_keys"]:
        table.add_row(key["name"].rpartition("/")[2], key["role"], key["group"].rpartition("> ")[2], key["shows"])
    return table


def _health(process: ProcessState) -> str:
    show_exit = process.last_exit is not None and process.health is not Health.READY
    return f"{process.health} ({process.last_exit})" if show_exit else str(process.health)


def uptime(started_at: float | None, now: float) -> str:
    """A duration in whole seconds; empty when there is none."""
    return "" if started_at is None else str(timedelta(seconds=max(0, int(now - started_at))))


def providers_line(state: StackState) -> str:
    """Which providers cost money."""
    mocked = len(state.mock_providers)
    real = ", ".join(state.real_providers) or "none"
    return f"providers: {mocked} answered by the mock, real: {real}"


def is_healthy(state: StackState) -> bool:
    """Whether all processes do their work."""
    return all(process.health in {Health.READY, Health.EXTERNAL} for process in state.processes)


def curl_line(environment: Mapping[str, str], model: str) -> str:
    """A command that can be copied into any shell and gets an answer."""
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    parts = (
        "curl -sS " + shlex.quote(environment["MEGAROUTER_BASE_URL"] + "/v1/chat/completions"),
        "-H " + shlex.quote("Authorization: Bearer " + environment["MEGAROUTER_API_KEY"]),
        "-H " + shlex.quote("Content-Type: application/json"),
        "-d " + shlex.quote(body),
    )
    return " ".join(parts)


def tour(environment: Mapping[str, str], state: StackState, home: Path, home_option: str) -> list[str]:
    """What to try next, ready to be copied."""
    base_url = environment["MEGAROUTER_BASE_URL"]
    mock = next((process.address for process in state.processes if process.name == "mock_provider"), None)
    source = f". {shlex.quote(str(home / 'env'))}"
    steps = [
        ("a model call", curl_line(environment, state.example_model)) if state.example_model else None,
        ("addresses, key and token as variables", f"set -a; {source}; set +a"),
        (
            "the models this key may use",
            f'curl -sS {base_url}/v1/models -H "Authorization: Bearer $MEGAROUTER_API_KEY"',
        ),
        (
            "the admin API: the keys of the organization, as its Super Admin",
            ADMIN_CURL,
        ),
        (
            "OpenAI SDK",
            'OpenAI(base_url=os.environ["MEGAROUTER_BASE_URL"] + "/v1", api_key=os.environ["MEGAROUTER_API_KEY"])',
        ),
        ("what the mock provider served", f"{mock}/") if mock else None,
        ("how the processes are", f"./dev status{home_option}"),
        ("what they say", f"./dev logs{home_option}"),
        ("the end", f"./dev down{home_option}"),
    ]
    return [f"# {title}\n{line}" for title, line in filter(None, steps)]
