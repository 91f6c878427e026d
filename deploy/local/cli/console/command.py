"""`./dev console`: a link that signs in to the console once, and the build of the console."""

from typing import Annotated

import typer

from deploy.local.cli.console.link import NoLinkError, new_sign_in_link
from deploy.local.cli.options import HomeOption, fail
from deploy.local.cli.terminal import console
from deploy.local.stack.environment import CONSOLE_URL, parse_environment
from deploy.local.stack.specification import DEFAULT_HOME, home_in
from deploy.local.supervision.background import running_state


def console_command(
    home: HomeOption = DEFAULT_HOME,
    *,
    build: Annotated[
        bool, typer.Option("--build", help="Build console/dist from its sources instead. Installs Node packages.")
    ] = False,
) -> None:
    """Print a link to the web console that signs you in once, within two minutes."""
    if build:
        _build()
        return
    place = home_in(home)
    if running_state(place) is None:
        raise fail(f"nothing is running in {place.directory}")
    environment = parse_environment(place.environment_file.read_text(encoding="utf-8"))
    try:
        print(new_sign_in_link(environment))
    except NoLinkError as error:
        raise fail(f"no link, because {error}. Sign in at {environment[CONSOLE_URL]} with a token") from error


def _build() -> None:
    # Imported here: only developers have the packages that these modules need.
    from tools.console import building  # noqa: PLC0415
    from tools.sdk import ClientError  # noqa: PLC0415

    try:
        with console.status("building"):
            size_bytes = building.build(building.BUILD)
    except ClientError as error:
        raise fail(str(error)) from error
    console.print(f"{building.BUILD}: {size_bytes / 1000:.0f} kB compressed", markup=False, soft_wrap=True)
