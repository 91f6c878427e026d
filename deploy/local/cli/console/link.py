"""A link that signs in to the console once."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

from admin_service.demo.content import ADMIN
from deploy.local.stack.environment import CONSOLE_URL

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
