"""The client of an identity provider: discovery, and the requests of a public client. Needs only the standard library."""

import http.client
import ipaddress
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.characters import visible
from megarouter_admin.command_line.sign_in.records import Application

_TIMEOUT_S: Final = 15.0
_MOST_BYTES: Final = 1 << 20
_LONGEST_TEXT: Final = 300


class RefusalError(CommandError):
    """The identity provider refused a request. `code` is its `error`, such as `invalid_grant`."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        super().__init__(
            f"the identity provider refused: {visible(description or code)[:_LONGEST_TEXT]}"
            f"{f' ({visible(code)[:_LONGEST_TEXT]})' if description else ''}. Run `megarouter login` again, or ask its operator"
        )


@dataclass(frozen=True, slots=True)
class Provider:
    """The endpoints of an identity provider. An empty text: it has none."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    device_authorization_endpoint: str
    revocation_endpoint: str
    scopes: tuple[str, ...] | None
    """The scopes that it knows; None if it does not say."""
    names_itself: bool
    """Whether it adds `iss` to the answers in the browser (RFC 9207)."""


def discover(issuer: str) -> Provider:
    """Asks an identity provider for its endpoints.

    Raises:
        ValueError: the issuer is no URL that can be used.
        CommandError: there is no provider, or it is another one.
    """
    if not is_safe(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise ValueError(f"--issuer must be an https URL such as https://id.example.com, not {issuer!r}")
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    status, document = exchange(urllib.request.Request(address, headers=headers()))  # noqa: S310 - https, see `is_safe`
    if status != http.client.OK or not isinstance(document, dict):
        raise CommandError(f"{address} answered {status} without the endpoints of an identity provider: check --issuer")
    if document.get("issuer") != issuer:
        named = visible(str(document.get("issuer")))[:_LONGEST_TEXT]
        raise CommandError(f"the identity provider calls itself {named}: pass exactly that as --issuer")
    scopes = document.get("scopes_supported")
    return Provider(
        issuer,
        _endpoint(document, "authorization_endpoint"),
        _endpoint(document, "token_endpoint"),
        _endpoint(document, "device_authorization_endpoint"),
        _endpoint(document, "revocation_endpoint"),
        tuple(map(str, scopes)) if isinstance(scopes, list) else None,
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    address = document.get(name, "")
    if address and not (isinstance(address, str) and is_safe(address)):
        raise CommandError(f"the {name} of the identity provider is not an https URL: ask its operator")
    return str(address)


def is_safe(address: str) -> bool:
    """Returns whether secrets may be sent to a URL: https, or http on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host) and parts.username is None
    if parts.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def scope(provider: Provider, application: Application) -> str:
    """Returns the scopes to ask for. `offline_access` asks for a refresh token."""
    usual = [
        name for name in ("email", "profile", "offline_access") if provider.scopes is None or name in provider.scopes
    ]
    return " ".join(dict.fromkeys(["openid", *usual, *application.scopes]))


def post(address: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Sends a form and returns the JSON of the answer.

    Raises:
        RefusalError: the provider refused, and said why.
        CommandError: there was no such answer.
    """
    status, document = exchange(
        urllib.request.Request(  # noqa: S310 - https, see `is_safe`
            address,
            urlencode(fields).encode(),
            {**headers(), "content-type": "application/x-www-form-urlencoded"},
        )
    )
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        raise RefusalError(document["error"], str(document.get("error_description") or ""))
    if status != http.client.OK or not isinstance(document, dict):
        raise CommandError(f"{_place(address)} answered {status} without a usable body: try again, or ask its operator")
    return document


def headers() -> dict[str, str]:
    """Returns the headers of every request."""
    return {"accept": "application/json", "user-agent": "megarouter"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - as inherited
        """A redirect would carry the secrets elsewhere."""


def exchange(
    request: urllib.request.Request,
    whom: str = "the identity provider",
    setting: str = "--issuer",
    authorities: str | None = None,
) -> tuple[int, Any]:
    """Returns the status and the decoded JSON of an answer; None if it is not JSON. Follows no redirect.

    Args:
        request: what to send.
        whom: who should answer, for messages.
        setting: what to check if it does not.
        authorities: a file of the certificate authorities to trust, PEM; None for those of the system.

    Raises:
        CommandError: there was no answer.
    """
    try:
        trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authorities))
        opener = urllib.request.build_opener(_NoRedirects(), trusting)
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                status, body = answer.status, answer.read(_MOST_BYTES)
        except urllib.error.HTTPError as refused:
            with refused:
                status, body = refused.code, refused.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as failed:
        reason = failed.reason if isinstance(failed, urllib.error.URLError) else failed
        raise CommandError(
            f"cannot reach {whom} at {_place(request.full_url)}: {reason}. Check {setting} and the network"
        ) from failed
    try:
        return status, json.loads(body)
    except ValueError:
        return status, None


def _place(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
