"""Signing in on another device, at a real identity provider."""

import datetime as dt

import pytest
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.device import sign_in_by_device
from megarouter_admin.command_line.sign_in.grants import Grant
from megarouter_admin.command_line.sign_in.provider import Provider, discover
from megarouter_admin.command_line.sign_in.records import Application

from tests.support.servers.identity_provider import IdentityProvider


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)
        self.pauses_s: list[float] = []

    def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.now += dt.timedelta(seconds=pause_s)


def signed_in(provider: Provider, application: Application, time: Time, shown: list[str] | None = None) -> Grant:
    lines = shown if shown is not None else []
    return sign_in_by_device(provider, application, lines.append, time.sleep, lambda: time.now)


def test_the_code_is_shown_and_the_tokens_are_fetched(provider: Provider, application: Application) -> None:
    shown: list[str] = []
    assert signed_in(provider, application, Time(), shown).person.subject == "person-1"
    assert f"{provider.issuer}/enter" in shown[0]
    assert "WDJB-MJHT" in shown[0]


def test_it_asks_as_often_as_the_provider_allows(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    pending, slower = {"error": "authorization_pending"}, {"error": "slow_down"}
    identity_provider.sign_in.refusals = [pending, slower, pending, slower]
    time = Time()
    signed_in(provider, application, time)
    assert time.pauses_s == [1, 1, 6, 6, 11]


def test_it_ends_with_the_code(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    identity_provider.sign_in.refusals = [{"error": "authorization_pending"}] * 100
    time = Time()
    with pytest.raises(CommandError, match="no one entered the code in time"):
        signed_in(provider, application, time)
    assert sum(time.pauses_s) == 60


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ({"error": "access_denied", "error_description": "Not today."}, "Not today"),
        ({"error": "expired_token"}, "in time"),
    ],
)
def test_a_refusal_ends_it(
    identity_provider: IdentityProvider,
    provider: Provider,
    application: Application,
    refusal: dict[str, str],
    message: str,
) -> None:
    identity_provider.sign_in.refusals = [refusal]
    with pytest.raises(CommandError, match=message):
        signed_in(provider, application, Time())


def test_a_provider_without_it_is_reported(identity_provider: IdentityProvider, application: Application) -> None:
    identity_provider.sign_in.discovery = {"device_authorization_endpoint": ""}
    with pytest.raises(CommandError, match="without --device"):
        signed_in(discover(identity_provider.address), application, Time())
