"""Renders what `./dev up` and `./dev status` print: the process table, the demo keys and the tour."""

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
    """Returns a table with one line for each process. `now` is in seconds since the epoch."""
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
    """Returns a table of the demo organization's API keys and of what a call with each one demonstrates.

    Args:
        demo: the content of `HOME/demo.json`.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("demo key", "role", "group", "what a call shows"):
        table.add_column(column, overflow="fold")
    for key in demo["api_keys"]:
        table.add_row(key["name"].rpartition("/")[2], key["role"], key["group"].rpartition("> ")[2], key["shows"])
    return table


def _health(process: ProcessState) -> str:
    show_exit = process.last_exit is not None and process.health is not Health.READY
    return f"{process.health} ({process.last_exit})" if show_exit else str(process.health)


def uptime(started_at: float | None, now: float) -> str:
    """Formats the time since `started_at` in whole seconds, or returns "" for None. Both are in seconds since the epoch."""
    return "" if started_at is None else str(timedelta(seconds=max(0, int(now - started_at))))


def providers_line(state: StackState) -> str:
    """Returns a line that says which providers are real, so cost money, and how many are mocked."""
    mocked = len(state.mock_providers)
    real = ", ".join(state.real_providers) or "none"
    return f"providers: {mocked} answered by the mock, real: {real}"


def is_healthy(state: StackState) -> bool:
    """Returns whether every process is ready or external."""
    return all(process.health in {Health.READY, Health.EXTERNAL} for process in state.processes)


def curl_line(environment: Mapping[str, str], model: str) -> str:
    """Returns a curl command for a chat completion that works when pasted into any POSIX shell.

    Args:
        environment: the content of `HOME/env`.
        model: the public name of a model.
    """
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    parts = (
        "curl -sS " + shlex.quote(environment["MEGAROUTER_BASE_URL"] + "/v1/chat/completions"),
        "-H " + shlex.quote("Authorization: Bearer " + environment["MEGAROUTER_API_KEY"]),
        "-H " + shlex.quote("Content-Type: application/json"),
        "-d " + shlex.quote(body),
    )
    return " ".join(parts)


def tour(environment: Mapping[str, str], state: StackState, home: Path, home_option: str) -> list[str]:
    """Returns what to try next, each step as a comment and a command to copy.

    Args:
        environment: the content of `HOME/env`.
        state: the running stack.
        home: its directory.
        home_option: ` --home DIR` for the printed `./dev` commands, or "" for the default home.
    """
    base_url = environment["MEGAROUTER_BASE_URL"]
    mock = next((process.address for process in state.processes if process.name == "mock_provider"), None)
    inbox = next((process.address for process in state.processes if process.name == "inbox"), None)
    source = f". {shlex.quote(str(home / 'env'))}"
    steps = [
        ("a model call", curl_line(environment, state.example_model)) if state.example_model else None,
        ("addresses, key and token as variables", f"set -a; {source}; set +a"),
        (
            "the models this key may use",
            f'curl -sS {base_url}/v1/models -H "Authorization: Bearer $MEGAROUTER_API_KEY"',
        ),
        (
            "the admin API: list the organization's keys as its Super Admin",
            ADMIN_CURL,
        ),
        (
            "OpenAI SDK",
            'OpenAI(base_url=os.environ["MEGAROUTER_BASE_URL"] + "/v1", api_key=os.environ["MEGAROUTER_API_KEY"])',
        ),
        ("what the mock provider served", f"{mock}/") if mock else None,
        ("alerts of budgets that reach 80, 90 or 100 percent", f"{inbox}/") if inbox else None,
        ("the health of the processes", f"./dev status{home_option}"),
        ("their logs", f"./dev logs{home_option}"),
        ("stop everything", f"./dev down{home_option}"),
    ]
    return [f"# {title}\n{line}" for title, line in filter(None, steps)]
