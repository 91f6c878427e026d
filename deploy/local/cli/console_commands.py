"""`./dev console`: a link that signs in to the console once, and the build of the console."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from admin_service.demo.content import ADMIN
from deploy.local.cli.options import HomeOption, fail
from deploy.local.cli.terminal import console
from deploy.local.stack.environment import CONSOLE_URL, parse_environment
from deploy.local.stack.specification import DEFAULT_HOME, home_in
from deploy.local.supervision.background import running_state

LINK_LIFE_S: Final = 120
_TIMEOUT_S: Final = 5.0


class NoLinkError(Exception):
    """The admin API made no link. The message says why."""


def new_sign_in_link(environment: Mapping[str, str]) -> str:
    """Returns a link that signs in once as the Super Admin of the demo organization, within two minutes.

    Args:
        environment: the content of `HOME/env`.

    Raises:
        NoLinkError: the token's user is no operator, or the admin API cannot be called from here.
    """
    member = f"{environment['MEGAROUTER_ORGANIZATION']}/members/{ADMIN}"
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{member}:issueSignInLink",
        data=json.dumps({"ttl": f"{LINK_LIFE_S}s"}).encode(),
        headers={
            "Authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - see above
            link: str = json.load(answer)["link"]
    except urllib.error.HTTPError as error:
        raise NoLinkError(f"the admin API answered {error.code}") from error
    except (OSError, ValueError, KeyError) as error:
        raise NoLinkError(f"the admin API cannot be called: {error}") from error
    return link


def console_line(environment: Mapping[str, str]) -> str:
    """Returns what to print about the console: a fresh link, or the address and why there is no link."""
    try:
        return f"console, signed in once within {LINK_LIFE_S // 60} minutes: {new_sign_in_link(environment)}"
    except NoLinkError as error:
        return f"console: {environment[CONSOLE_URL]} (sign in with MEGAROUTER_ADMIN_TOKEN; no link, because {error})"


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
