"""Signing in with a second device (RFC 8628): for machines without a browser."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.characters import visible
from megarouter_admin.command_line.sign_in.claims import Expected
from megarouter_admin.command_line.sign_in.grants import Grant, granted
from megarouter_admin.command_line.sign_in.provider import Provider, RefusalError, post, scope
from megarouter_admin.command_line.sign_in.records import Application

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL_S: Final = 5.0
_SLOWER_S: Final = 5.0
_LONGEST_S: Final = 1800.0


def sign_in_by_device(
    provider: Provider,
    application: Application,
    show: Callable[[str], None],
    sleep: Callable[[float], None],
    clock: Callable[[], dt.datetime],
) -> Grant:
    """Shows where to enter which code, and waits until the person has done so.

    Args:
        provider: the identity provider.
        application: as which application to sign in.
        show: shows a line to the person.
        sleep: pauses for some seconds.
        clock: returns the current time.

    Raises:
        CommandError: the provider cannot do this, the person declined, or the code ended.
    """
    if not provider.device_authorization_endpoint:
        raise CommandError("the identity provider has no sign-in by device: use `megarouter login` without --device")
    fields = {"client_id": application.client_id, "scope": scope(provider, application)}
    started = post(provider.device_authorization_endpoint, fields)
    code = str(started.get("device_code") or "")
    place = started.get("verification_uri") or started.get("verification_url")
    if not code or not place or not started.get("user_code"):
        raise CommandError("the identity provider sent no code for the device: try again, or ask its operator")
    show(f"Open {visible(str(place))} on any device and enter the code {visible(str(started['user_code']))}")
    if started.get("verification_uri_complete"):
        show(f"or open {visible(str(started['verification_uri_complete']))}")
    interval_s = _seconds(started, "interval", _INTERVAL_S)
    deadline = clock() + dt.timedelta(seconds=min(_seconds(started, "expires_in", _LONGEST_S), _LONGEST_S))
    asked = {"grant_type": _GRANT, "device_code": code, "client_id": application.client_id}
    while True:
        sleep(interval_s)
        if clock() >= deadline:
            raise CommandError("no one entered the code in time: run `megarouter login --device` again")
        try:
            answer = post(provider.token_endpoint, asked)
        except RefusalError as refusal:
            if refusal.code == "slow_down":
                interval_s += _SLOWER_S
            elif refusal.code == "expired_token":
                raise CommandError(
                    "no one entered the code in time: run `megarouter login --device` again"
                ) from refusal
            elif refusal.code != "authorization_pending":
                raise
        else:
            return granted(answer, Expected(application.issuer, application.client_id), clock())


def _seconds(answer: Mapping[str, Any], name: str, default_s: float) -> float:
    value = answer.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else default_s
