"""The URLs to which messages are sent. Pure."""

import httpx

from gateway_core.model.alerts.targets import MAX_URL_CHARACTERS, PORTS, AllowedTargets, Place, problem_of


class TargetError(Exception):
    """The URL is no place to send to. The message says why, without the URL."""


def checked_url(text: str, allowed: AllowedTargets) -> httpx.URL:
    """Returns the URL of a target, if messages may be sent there. The addresses of a name are checked when they are connected to.

    Raises:
        TargetError: they may not.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise TargetError(f"the URL is longer than {MAX_URL_CHARACTERS:,} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise TargetError("the URL is malformed") from None
    problem = problem_of(Place(url.scheme, url.host, url.port, bool(url.userinfo)), allowed)
    if problem is not None:
        raise TargetError(problem)
    return url


def port_of(url: httpx.URL) -> int:
    """Returns the port that the URL names or implies."""
    return url.port or PORTS[url.scheme]
