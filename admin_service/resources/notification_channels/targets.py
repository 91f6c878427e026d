"""What the target and the secret of each kind of channel look like. Pure.

notification_service checks the URLs again, and the addresses of their hosts when it connects.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from admin_service.api.validation import is_email
from gateway_core.model.alerts.targets import MAX_URL_CHARACTERS, AllowedTargets, Place, problem_of

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_SIGNED_BY_SECRET: Final = frozenset({"FEISHU", "DINGTALK"})


def host_of(target: str) -> str:
    """Returns the host of a URL or the domain of an e-mail address; empty if it is neither."""
    if is_email(target):
        return target.rpartition("@")[2]
    try:
        return urlsplit(target).hostname or ""
    except ValueError:
        return ""


def problems(kind: str, target: str, secret: str, allowed: AllowedTargets) -> Iterable[tuple[str, str]]:
    """Yields fields with what they must be, for a channel that is not as its kind needs it.

    Args:
        kind: such as `SLACK`.
        target: the URL or address; empty if none is set.
        secret: empty if none is set.
        allowed: internal servers to which alerts may go.
    """
    if kind == "PAGERDUTY":
        if target:
            yield "target", "must be empty: PagerDuty has one address"
        if not secret:
            yield "secret", "must be the integration's routing key"
        return
    if kind == "EMAIL":
        if not is_email(target):
            yield "target", "must be an e-mail address"
    else:
        yield from _problems_of_url(target, allowed)
    if kind == "CALLBACK" and secret:
        yield "secret", "must be empty: the secret of a callback is made for you"
    elif kind not in _SIGNED_BY_SECRET and secret:
        yield "secret", "must be empty for this kind"


def _problems_of_url(target: str, allowed: AllowedTargets) -> Iterable[tuple[str, str]]:
    try:
        parts = urlsplit(target)
        place = Place(parts.scheme, parts.hostname or "", parts.port, parts.username is not None)
    except ValueError:
        yield "target", "must be a URL that begins with https://"
        return
    if not target.isprintable() or " " in target or len(target) > MAX_URL_CHARACTERS:
        yield "target", f"must be a URL of at most {MAX_URL_CHARACTERS:,} characters that begins with https://"
    elif problem := problem_of(place, allowed):
        yield "target", f"cannot be used: {problem}"
