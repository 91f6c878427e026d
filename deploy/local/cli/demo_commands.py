"""`./dev demo-data` and `./dev up --demo-data`. What loads the data is imported when it is needed: it is most of the product."""

import time
from typing import Annotated

import typer

from deploy.local.cli.console.link import console_line
from deploy.local.cli.options import HomeOption, fail
from deploy.local.cli.terminal import console
from deploy.local.cli.up import bring_up
from deploy.local.stack.environment import parse_environment
from deploy.local.stack.specification import DEFAULT_HOME, StackSpecification, home_in
from deploy.local.supervision.background import running_state, stop_stack


def load_demo_data(
    home: HomeOption = DEFAULT_HOME,
    *,
    year: Annotated[
        bool, typer.Option("--year", help="Load a year with about 400,000 calls instead of 30 days.")
    ] = False,
) -> None:
    """Fill the demo organization with the past calls of a company of 200 people, until yesterday.

    The stack must be running and new: without calls and top-ups. A day always loads the same calls. Make no
    calls meanwhile: they wait or fail until all is loaded.
    """
    from deploy.local.cli import demo_data  # noqa: PLC0415

    place = home_in(home)
    if running_state(place) is None:
        raise fail(f"nothing is running in {place.directory}")
    try:
        demo_data.load_demo_data(place, year=year)
    except demo_data.DemoDataError as error:
        raise fail(str(error)) from error


def bring_up_with_demo_data(specification: StackSpecification, *, detach: bool) -> None:
    """Starts the stack and loads a year of calls, unless the organization has calls already. Ctrl-C stops the stack.

    Raises:
        LayoutError: the home cannot be used.
        StackError: the stack could not be started or stopped.
        typer.Exit: the calls could not be loaded.
    """
    from deploy.local.cli import demo_data  # noqa: PLC0415

    bring_up(specification, detach=True)
    try:
        demo_data.load_demo_data(specification.home, year=True)
    except demo_data.NotNewError as error:
        console.print(f"no demo data: {error}", markup=False, soft_wrap=True)
    except demo_data.DemoDataError as error:
        raise fail(str(error)) from error
    environment = parse_environment(specification.home.environment_file.read_text(encoding="utf-8"))
    console.print(console_line(environment), markup=False, soft_wrap=True)
    if detach:
        return
    console.print("Ctrl-C stops everything.")
    try:
        while running_state(specification.home) is not None:
            time.sleep(1)
    except KeyboardInterrupt:
        with console.status("stopping"):
            stop_stack(specification.home)
        console.print("stopped")
