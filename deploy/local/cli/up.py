"""`./dev up`: starts a stack, or shows the running one. Modules that only show it are loaded while it starts."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import Home
from deploy.local.stack.specification import (
    DEFAULT_CATALOG,
    DEFAULT_HOME,
    DEFAULT_PORT_BASE,
    StackSpecification,
    specified,
)
from deploy.local.stack.state import StackState
from deploy.local.supervision.background import running_state, start_supervisor, stop_stack, wait_until_up
from deploy.local.supervision.errors import AlreadyRunningError, StackError

_DETACH: Final = frozenset({"--detach", "-d"})


def bring_up(specification: StackSpecification, *, detach: bool) -> None:
    """Starts the stack, or shows the one that already runs in this home.

    Raises:
        LayoutError: the home cannot be used.
        StackError: the stack could not be started.
    """
    if running_state(specification.home) is None:
        _start(specification, detach=detach)
    else:
        _print_already_running(specification.home)


def _start(specification: StackSpecification, *, detach: bool) -> None:
    home = specification.home
    started_at = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # treat SIGTERM like Ctrl-C
    supervisor = start_supervisor(specification, os.environ, bound=not detach)
    try:
        from deploy.local.cli.terminal import console  # noqa: PLC0415 - loads while the supervisor starts

        with console.status("starting"):
            state = wait_until_up(home, supervisor)
        console.print(f"ready in {time.monotonic() - started_at:.1f} s")
        _print_stack(home, state)
        if not detach:
            _supervise_in_foreground(supervisor)
    except AlreadyRunningError:
        _print_already_running(home)
    except KeyboardInterrupt:
        _stop_in_foreground(home)


def _supervise_in_foreground(supervisor: subprocess.Popen[bytes]) -> None:
    from deploy.local.cli.terminal import console  # noqa: PLC0415 - see `_start`

    console.print("\nCtrl-C stops everything.")
    status = supervisor.wait()
    if status != 0:
        raise StackError(f"the supervisor ended with status {status}")


def _stop_in_foreground(home: Home) -> None:
    """Stops the stack and ignores a second Ctrl-C: the supervisor is already stopping, within a time limit."""
    from deploy.local.cli.terminal import console  # noqa: PLC0415 - see `_start`

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with console.status("stopping"):
        stop_stack(home)
    console.print("stopped")


def _print_already_running(home: Home) -> None:
    from deploy.local.cli.terminal import console  # noqa: PLC0415 - see `_start`

    state = wait_until_up(home)
    console.print(f"already running in {home.directory}", markup=False, soft_wrap=True)
    _print_stack(home, state)


def _print_stack(home: Home, state: StackState) -> None:
    from deploy.local.cli.console.link import console_line  # noqa: PLC0415
    from deploy.local.cli.report import keys_table, process_table, providers_line, tour  # noqa: PLC0415
    from deploy.local.cli.terminal import console  # noqa: PLC0415
    from deploy.local.stack.environment import parse_environment  # noqa: PLC0415 - see `_start`

    console.print(process_table(state, time.time()))
    console.print(providers_line(state), markup=False)
    console.print()
    console.print(keys_table(json.loads(home.demo_file.read_text(encoding="utf-8"))))
    console.print(f"API keys: {home.demo_file}", markup=False, soft_wrap=True)
    console.print(f"Super Admin token: MEGAROUTER_ADMIN_TOKEN in {home.environment_file}", markup=False, soft_wrap=True)
    environment = parse_environment(home.environment_file.read_text(encoding="utf-8"))
    console.print(console_line(environment), markup=False, soft_wrap=True)
    console.print()
    for step in tour(environment, state, home.directory, _home_option(home)):
        console.print(step, markup=False, soft_wrap=True)


def _home_option(home: Home) -> str:
    return "" if home.directory == DEFAULT_HOME else f" --home {shlex.quote(str(home.directory))}"


def quick_specification(arguments: Sequence[str]) -> tuple[StackSpecification, bool] | None:
    """Parses the arguments after `up` if they are plain and valid.

    The command-line library takes longer to load than the supervisor. So it parses only what this function does not: help
    and possible mistakes.

    Returns:
        The stack to start and whether to detach, or None if the library must parse the arguments.

    Raises:
        LayoutError: the ports or the workers are out of range.
    """
    detach = False
    values: dict[str, str] = {}
    rest = iter(arguments)
    for text in rest:
        if text in _DETACH:
            detach = True
            continue
        value = next(rest, "-")
        if text not in {"--home", "--port-base", "--catalog", "--workers"} or text in values or value[:1] in {"-", ""}:
            return None
        values[text] = value
    numbers = {name: values[name] for name in ("--port-base", "--workers") if name in values}
    if not all(number.isascii() and number.isdecimal() for number in numbers.values()):
        return None
    specification = specified(
        Path(values.get("--home", DEFAULT_HOME)),
        int(numbers.get("--port-base", DEFAULT_PORT_BASE)),
        Path(values.get("--catalog", DEFAULT_CATALOG)),
        int(numbers.get("--workers", 1)),
    )
    return specification, detach
