"""Signing in with a browser at a real identity provider. The browser follows redirects, as a real one does."""

import datetime as dt
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.browser import Surroundings, _Answers, sign_in_by_browser
from megarouter_admin.command_line.sign_in.grants import Grant
from megarouter_admin.command_line.sign_in.provider import Provider, discover
from megarouter_admin.command_line.sign_in.records import Application

from tests.support.servers.identity_provider import IdentityProvider

Browse = Callable[[str], bool]


def visit(page: str) -> bool:
    with urllib.request.urlopen(page, timeout=10) as answer:  # noqa: S310 - of the test
        answer.read()
    return True


def signed_in(
    provider: Provider,
    application: Application,
    browse: Browse = visit,
    shown: list[str] | None = None,
    wait_s: float = 10,
) -> Grant:
    around = Surroundings(
        (shown if shown is not None else []).append,
        browse,
        lambda: dt.datetime.now(dt.UTC),
        lambda: secrets.token_urlsafe(32),
        wait_s,
    )
    return sign_in_by_browser(provider, application, around)


def test_a_sign_in_gives_the_id_token_and_the_refresh_token(provider: Provider, application: Application) -> None:
    grant = signed_in(provider, application)
    assert grant.person.subject == "person-1"
    assert grant.secrets.token.count(".") == 2
    assert grant.secrets.refresh_token


def test_the_code_is_exchanged_with_the_verifier_of_its_challenge(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    signed_in(provider, application)
    (request,) = identity_provider.sign_in.token_requests
    assert len(request["code_verifier"]) >= 43
    assert request["redirect_uri"].startswith("http://127.0.0.1:")


def test_an_answer_with_another_state_is_refused_and_its_code_not_used(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    identity_provider.sign_in.changed_answer = {"state": "forged"}
    with pytest.raises(CommandError, match="another sign-in"):
        signed_in(provider, application)
    assert identity_provider.sign_in.token_requests == []


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"nonce": "old"}, "another sign-in"),
        ({"iss": "https://elsewhere.example"}, "another issuer"),
        ({"aud": "another"}, "another application"),
        ({"sub": ""}, "no person"),
        ({"exp": 1}, "clocks differ"),
        ({"iat": 2**32}, "clocks differ"),
        ({"exp": "tomorrow"}, "no end"),
    ],
)
def test_an_id_token_that_is_not_the_expected_one_is_refused(
    identity_provider: IdentityProvider,
    provider: Provider,
    application: Application,
    claims: dict[str, Any],
    message: str,
) -> None:
    identity_provider.sign_in.changed_claims = claims
    with pytest.raises(CommandError, match=message):
        signed_in(provider, application)


def test_the_description_of_the_provider_is_shown_without_control_characters(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    identity_provider.sign_in.changed_answer = {"error": "access_denied", "error_description": "Ask \x1b[31mIT"}
    with pytest.raises(CommandError, match=r"Ask \\x1b\[31mIT \(access_denied\)"):
        signed_in(provider, application)


@pytest.mark.parametrize(
    ("named", "message"), [({"iss": "https://evil.example"}, "another identity"), ({}, "another identity")]
)
def test_an_answer_of_another_provider_is_refused(
    identity_provider: IdentityProvider, application: Application, named: dict[str, str], message: str
) -> None:
    """RFC 9207: a provider that says so names itself in every answer."""
    identity_provider.sign_in.discovery = {"authorization_response_iss_parameter_supported": True}
    identity_provider.sign_in.changed_answer = named
    with pytest.raises(CommandError, match=message):
        signed_in(discover(identity_provider.address), application)


def test_only_the_first_answer_counts() -> None:
    with _Answers("state-1") as answers:
        threading.Thread(target=answers.serve_forever, args=(0.05,), daemon=True).start()
        visit(f"{answers.redirect_uri}?state=state-1&code=first")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            visit(f"{answers.redirect_uri}?state=state-1&code=second")
        answers.shutdown()
    assert answers.fields["code"] == "first"


def test_a_request_for_another_page_does_not_end_the_sign_in(provider: Provider, application: Application) -> None:
    def browse(page: str) -> bool:
        redirect = urlsplit(parse_qs(urlsplit(page).query)["redirect_uri"][0])
        with pytest.raises(urllib.error.HTTPError, match="404"):
            visit(f"http://{redirect.netloc}/favicon.ico")
        return visit(page)

    assert signed_in(provider, application, browse).person.subject == "person-1"


def test_without_a_browser_the_page_is_shown(provider: Provider, application: Application) -> None:
    shown: list[str] = []
    with pytest.raises(CommandError, match="no one signed in within"):
        signed_in(provider, application, lambda _: False, shown, wait_s=0.2)
    assert any(line.startswith(provider.authorization_endpoint) for line in shown)
    assert any("no browser" in line for line in shown)


def test_a_provider_that_calls_itself_otherwise_is_refused(identity_provider: IdentityProvider) -> None:
    identity_provider.sign_in.discovery = {"issuer": "https://elsewhere.example"}
    with pytest.raises(CommandError, match="calls itself https://elsewhere"):
        discover(identity_provider.address)


@pytest.mark.parametrize(
    "issuer", ["http://id.example", "ftp://id.example", "file:///etc/passwd", "id.example", "https://", "x"]
)
def test_an_issuer_without_encryption_is_refused(issuer: str) -> None:
    with pytest.raises(ValueError, match="https"):
        discover(issuer)


def test_an_endpoint_without_encryption_is_refused(identity_provider: IdentityProvider) -> None:
    identity_provider.sign_in.discovery = {"token_endpoint": "http://id.example/token"}
    with pytest.raises(CommandError, match="token_endpoint"):
        discover(identity_provider.address)


def test_a_provider_that_cannot_be_reached_is_named() -> None:
    with pytest.raises(CommandError, match=r"cannot reach the identity provider at http://127\.0\.0\.1:1/"):
        discover("http://127.0.0.1:1")


def test_a_token_endpoint_that_redirects_gets_no_second_request(
    identity_provider: IdentityProvider, provider: Provider, application: Application
) -> None:
    elsewhere = replace(provider, token_endpoint=f"{identity_provider.address}/moved")
    with pytest.raises(CommandError, match="answered 302"):
        signed_in(elsewhere, application)
    assert identity_provider.sign_in.token_requests == []
