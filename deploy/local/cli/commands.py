"""The commands of `./dev`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from deploy.local.cli import logs as log_reader
from deploy.local.cli.console.command import console_command
from deploy.local.cli.demo_commands import bring_up_with_demo_data, load_demo_data
from deploy.local.cli.linting import lint
from deploy.local.cli.options import HomeOption, fail
from deploy.local.cli.report import is_healthy, process_table, providers_line
from deploy.local.cli.restart import UnknownProcessError, processes_to_restart
from deploy.local.cli.terminal import console
from deploy.local.cli.up import bring_up
from deploy.local.stack.environment import DATABASE_URL, REDIS_URL, parse_environment
from deploy.local.stack.layout import MAX_WORKERS, REPOSITORY, Home, LayoutError, Ports
from deploy.local.stack.specification import (
    DEFAULT_CATALOG,
    DEFAULT_HOME,
    DEFAULT_PORT_BASE,
    home_in,
    specified,
)
from deploy.local.stack.state import StackState, read_state
from deploy.local.supervision.background import running_state, stop_stack
from deploy.local.supervision.control import ControlError, request_control
from deploy.local.supervision.errors import StackError
from gateway_core.schema.logins import SERVICE_URLS

application = typer.Typer(
    name="./dev",
    help="Runs MegaRouter Enterprise on this machine: databases, services, Envoy and a mock provider.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@application.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    port_base: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="First port. Model listener: N. Admin listener: N+1. Envoy's metrics: N+2. Databases and mock: up to"
            " N+5. Metrics: up to N+10. Inbox: N+11. Metrics of other workers: from N+12.",
        ),
    ] = DEFAULT_PORT_BASE,
    catalog: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Providers, models and prices.", show_default="deploy/catalog/catalog.yaml"),
    ] = DEFAULT_CATALOG,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=MAX_WORKERS, help="Processes of authz_service and of ratelimit_service."),
    ] = 1,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    demo_data: Annotated[
        bool, typer.Option("--demo-data", help="Also load a year of calls, as `demo-data --year` does.")
    ] = False,
) -> None:
    """Start everything.

    Calls go to the real provider if its credential variable (such as OPENAI_API_KEY) is set. The mock answers for all
    other providers. Set MEGAROUTER_DATABASE_URL or MEGAROUTER_REDIS_URL to use your own database instead of an
    embedded one.
    """
    try:
        if demo_data:
            bring_up_with_demo_data(specified(home, port_base, catalog, workers), detach=detach)
        else:
            bring_up(specified(home, port_base, catalog, workers), detach=detach)
    except (LayoutError, StackError) as error:
        raise fail(str(error)) from error


application.command("demo-data")(load_demo_data)
application.command("console")(console_command)
application.command()(lint)


@application.command()
def down(home: HomeOption = DEFAULT_HOME) -> None:
    """Stop everything. The data stays."""
    place = home_in(home)
    try:
        with console.status("stopping"):
            ended = stop_stack(place)
    except StackError as error:
        raise fail(str(error)) from error
    console.print("stopped" if ended else f"nothing is running in {place.directory}", markup=False, soft_wrap=True)


@application.command()
def restart(
    processes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROCESS]...",
            help="Processes from the status table. Default: the services, then Envoy.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Restart processes without refusing a call: the new one takes over before the old one ends.

    The old process finishes its calls. Envoy gives them MEGAROUTER_DRAIN_GRACE_S seconds (30). Databases and the mock
    provider restart only if you name them, and cannot be called meanwhile.
    """
    place = home_in(home)
    try:
        names = processes_to_restart(_state_of(place), processes or [])
        for name in names:
            with console.status(f"restarting {name}"):
                request_control(place.control_socket, "restart", name)
            console.print(f"restarted {name}", markup=False)
    except (ControlError, UnknownProcessError) as error:
        raise fail(str(error)) from error


@application.command()
def status(
    home: HomeOption = DEFAULT_HOME,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Also show calls, refusals, latency and lag, every second.")
    ] = False,
) -> None:
    """Show the processes, their addresses and their health, and what needs attention soon.

    The exit status is 0 if every process is healthy.
    """
    place = home_in(home)
    state = _state_of(place)
    if watch:
        _watch(place)
        return
    console.print(f"{state.phase}, supervisor pid {state.supervisor.pid}, ports from {state.port_base}")
    console.print(process_table(state, time.time()))
    console.print(providers_line(state), markup=False)
    # Imported here: only this command reads metrics.
    from deploy.local.cli.warnings import stack_warnings  # noqa: PLC0415

    for warning in stack_warnings(Ports(state.port_base, state.workers), time.time()):
        console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)
    if not is_healthy(state):
        raise typer.Exit(1)


def _state_of(home: Home) -> StackState:
    state = running_state(home)
    if state is None:
        last = read_state(home.state_file)
        reason = f"; the last start failed: {last.failure}" if last is not None and last.failure else ""
        raise fail(f"nothing is running in {home.directory}{reason}")
    return state


def _watch(home: Home) -> None:
    """Shows the live page until Ctrl-C or until the stack stops. A pipe gets one page after another."""
    from rich.live import Live  # noqa: PLC0415 - see `_pages`

    pages = _pages(home)
    try:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False, screen=True) as live:
                for page in pages:
                    live.update(page, refresh=True)
        else:
            for page in pages:
                console.print(page, "")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _pages(home: Home) -> Iterator[Group]:
    """Yields the live page once per second."""
    # Imported here: no other command reads metrics.
    from deploy.local.cli.watch import Window, live_page, take_sample  # noqa: PLC0415

    window = Window()
    while True:
        state = _state_of(home)
        window.add(take_sample(Ports(state.port_base, state.workers)))
        yield Group(process_table(state, time.time()), "", live_page(window))
        time.sleep(1)


@application.command()
def logs(
    service: Annotated[
        str | None, typer.Argument(metavar="[SERVICE]", help="A process from the status table, or `supervisor`.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
) -> None:
    """Show the last log lines of the processes."""
    directory = home_in(home).logs
    names = log_reader.log_names(directory)
    if service is not None and service not in names:
        known = ", ".join(names) or "none yet"
        raise fail(f"there is no log of {service} in {directory}. Choose one of: {known}")
    chosen = names if service is None else [service]
    try:
        for line in log_reader.tail(directory, chosen):
            print(line)
        if follow:
            for line in log_reader.follow(directory, chosen):
                print(line, flush=True)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush fails too


@application.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_tests(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the state of the tests' stack here. Default: a temporary directory."),
    ] = None,
    port_base: Annotated[int | None, typer.Option(metavar="N", help="First port of the tests' stack.")] = None,
) -> None:
    """Run the test suite with three workers. Other arguments go to pytest, which then uses one worker."""
    if home is not None:
        os.environ["MEGAROUTER_TEST_HOME"] = str(home.expanduser().resolve())
    if port_base is not None:
        os.environ["MEGAROUTER_TEST_PORT_BASE"] = str(port_base)
    os.chdir(REPOSITORY)
    # Tests start hundreds of Python processes. Without cached bytecode, each would compile all its modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = context.args or ["-n", "3", "--no-loadscope-reorder"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606 - no shell wanted


@application.command(
    "bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def run_benchmark(context: typer.Context) -> None:
    """Measure the whole gateway on one core against a bare Envoy in the same run. See `./dev bench --help`.

    `./dev bench analytics` measures analytics on millions of records instead. See `./dev bench analytics --help`.
    """
    os.chdir(REPOSITORY)
    package, *options = ["benchmarks.gateway", *context.args]
    if options[:1] == ["analytics"]:
        package, *options = ["benchmarks.analytics", *options[1:]]
    os.execv(sys.executable, [sys.executable, "-m", package, *options])  # noqa: S606 - no shell wanted


@application.command(
    "route-eval", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def evaluate_routing(context: typer.Context) -> None:
    """Measure what routers save at a given loss of quality, on prompts with known outcomes. See `./dev route-eval --help`."""
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.routing", *context.args])  # noqa: S606 - no shell wanted


@application.command()
def audit(
    home: HomeOption = DEFAULT_HOME,
    grace_s: Annotated[
        int, typer.Option(metavar="N", min=0, help="Seconds that an expired hold may wait for the sweep.")
    ] = 60,
    rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="Maximum number of rows shown for each failed check.")
    ] = 20,
    *,
    redis: Annotated[
        bool, typer.Option("--redis", help="Also compare Redis with PostgreSQL. Use only when no calls run.")
    ] = False,
) -> None:
    """Check the invariants of the accounting on the running stack. The exit status is 1 if one is broken."""
    place = home_in(home)
    if not place.environment_file.exists():
        raise fail(f"nothing is running in {place.directory}")
    urls = parse_environment(place.environment_file.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "usage_service.audit", "--grace-s", str(grace_s), "--rows", str(rows)]
    command += ["--redis"] if redis else []
    # The URLs contain passwords, and other users can read a command line.
    environment = {
        **os.environ,
        **{name: urls[name] for name in (DATABASE_URL, *SERVICE_URLS.values(), REDIS_URL) if name in urls},
    }
    raise typer.Exit(subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode)


@application.command()
def protos(
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the current protos as the new baseline (protos/baseline.binpb).")
    ] = False,
    pages: Annotated[bool, typer.Option("--pages", help="Write the generated pages of docs/reference/.")] = False,
) -> None:
    """Check the protos: style, conventions, and compatibility with the accepted protos."""
    # Imported here: only developer commands install the packages that these modules need.
    from tools.pages import pages as proto_pages  # noqa: PLC0415
    from tools.protos import buf, check  # noqa: PLC0415
    from tools.protos.descriptors import ProtoError, compiled  # noqa: PLC0415

    try:
        image = compiled()
    except ProtoError as error:
        raise fail(str(error)) from error
    if accept:
        buf.accept(image)
    if pages:
        proto_pages.write(image, REPOSITORY / "docs")
    breaches = check.breaches(image)
    for breach in breaches:
        console.print(breach, markup=False, soft_wrap=True)
    if breaches:
        raise fail(f"{len(breaches)} breaches")


@application.command()
def sdk(
    clients: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LANGUAGE]...", help="python, typescript, go, java. Default: the first two."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Generate code only for this language, as defined in protos/buf.gen.yaml."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the code of --language.")] = None,
    *,
    test: Annotated[bool, typer.Option("--test", help="Also run the tests of these clients against a stack.")] = False,
) -> None:
    """Generate and build clients of the admin API into sdk/dist."""
    from tools import sdk as builders  # noqa: PLC0415 - see `protos`

    if (language is None) != (out is None):
        raise fail("give --language and --out together")
    try:
        if language is not None and out is not None:
            builders.generate_language(language, out.expanduser().resolve())
            return
        with console.status("building"):
            packages = builders.build(clients or [])
    except builders.ClientError as error:
        raise fail(str(error)) from error
    for package in packages:
        console.print(str(package), markup=False, soft_wrap=True)
    if test:
        os.chdir(REPOSITORY)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *builders.tests(clients or [])])  # noqa: S606 - no shell wanted


@application.command()
def vulnerabilities(
    index: Annotated[
        str, typer.Option(metavar="URL", help="An index that speaks OSV's API. It receives names and versions.")
    ] = "https://api.osv.dev",
    accept: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A vulnerability that does not count. Repeatable.")
    ] = None,
) -> None:
    """Check the pinned dependencies for known vulnerabilities.

    The exit status is 0 if there are none, 1 if there are, and 2 if the index could not be asked, so that nothing is known.
    """
    from tools.vulnerabilities.check import check  # noqa: PLC0415 - only this command needs it

    status = check(REPOSITORY, index, accept or (), lambda line: console.print(line, markup=False, soft_wrap=True))
    raise typer.Exit(status)
