"""Signing in with the browser of this machine: a code with PKCE (RFC 7636), answered on the loopback interface (RFC 8252)."""

import base64
import datetime as dt
import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.claims import Expected
from megarouter_admin.command_line.sign_in.grants import Grant, granted
from megarouter_admin.command_line.sign_in.provider import Provider, RefusalError, post, scope
from megarouter_admin.command_line.sign_in.records import Application

LONGEST_WAIT_S: Final = 300.0
_IDLE_CONNECTION_S: Final = 10.0
_PATH: Final = "/callback"
_PAGE: Final = """<!doctype html><meta charset="utf-8"><title>megarouter</title>
<p style="font: 1.2em system-ui; margin: 4em">{text}</p>"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What signing in by browser needs from outside."""

    show: Callable[[str], None]
    """Shows a line to the person."""
    open_page: Callable[[str], bool]
    """Opens a page in the browser, and returns whether there is one. May block until the browser ends."""
    clock: Callable[[], dt.datetime]
    randomness: Callable[[], str]
    """Returns at least 256 random bits as text that needs no escape in a URL."""
    wait_s: float = LONGEST_WAIT_S


class _Answers(ThreadingHTTPServer):
    """Takes the first request that the browser brings back from the provider."""

    daemon_threads = True

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._state = state
        self._lock = threading.Lock()
        self.arrived = threading.Event()
        self.fields: dict[str, str] = {}

    @property
    def redirect_uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{_PATH}"

    def take(self, fields: dict[str, str]) -> str | None:
        """Keeps the answer, and returns what the browser shows; None if there is an answer already."""
        with self._lock:
            if self.arrived.is_set():
                return None
            self.fields = fields
            self.arrived.set()
        if not self.matches():
            return "This answer belongs to another sign-in. Run megarouter login again."
        return (
            "Sign-in failed. The terminal says why."
            if "error" in fields
            else "You can close this page and return to the terminal."
        )

    def matches(self) -> bool:
        return hmac.compare_digest(self.fields.get("state", "").encode(), self._state.encode())

    def handle_error(self, *_: object) -> None:
        """A browser that closes a connection early is no error."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _IDLE_CONNECTION_S
    server: _Answers

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fields = {name: values[0] for name, values in parse_qs(parts.query).items() if len(values) == 1}
        text = self.server.take(fields) if parts.path == _PATH else None
        body = _PAGE.format(text=text or "There is nothing here.").encode()
        self.send_response(404 if text is None else 200)
        headers = {"content-type": "text/html; charset=utf-8", "content-length": str(len(body))}
        headers |= {"cache-control": "no-store", "referrer-policy": "no-referrer", "connection": "close"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing: the path has the code."""


def sign_in_by_browser(provider: Provider, application: Application, around: Surroundings) -> Grant:
    """Opens the provider's page, and waits until the browser comes back with the answer.

    Raises:
        CommandError: the provider refused, the answer belongs to another sign-in, or none came in time.
    """
    if not provider.authorization_endpoint:
        raise CommandError("the identity provider has no sign-in by browser: use --device")
    state, nonce, verifier = (around.randomness() for _ in range(3))
    with _Answers(state) as answers:
        thread = threading.Thread(target=answers.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            question = {
                "response_type": "code",
                "client_id": application.client_id,
                "redirect_uri": answers.redirect_uri,
                "scope": scope(provider, application),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge(verifier),
                "code_challenge_method": "S256",
            }
            separator = "&" if urlsplit(provider.authorization_endpoint).query else "?"
            _open(f"{provider.authorization_endpoint}{separator}{urlencode(question)}", around)
            if not answers.arrived.wait(around.wait_s):
                raise CommandError(
                    f"no one signed in within {around.wait_s / 60:.0f} minutes: run `megarouter login` again, or use --device"
                )
        finally:
            answers.shutdown()
            thread.join()
    code = _code_in(answers, provider)
    exchange = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": answers.redirect_uri,
        "client_id": application.client_id,
        "code_verifier": verifier,
    }
    expected = Expected(application.issuer, application.client_id, nonce)
    return granted(post(provider.token_endpoint, exchange), expected, around.clock())


def challenge(verifier: str) -> str:
    """Returns the challenge of PKCE, method S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _open(page: str, around: Surroundings) -> None:
    """Opens the page in a thread of its own, because a browser in a terminal returns only when it ends."""
    around.show("Sign in with your browser. If it does not open, open this page on this machine:")
    around.show(page)

    def attempt() -> None:
        if not around.open_page(page):
            around.show("This machine has no browser: open the page above, or use `megarouter login --device`.")

    threading.Thread(target=attempt, daemon=True).start()


def _code_in(answers: _Answers, provider: Provider) -> str:
    if not answers.matches():
        raise CommandError("the answer in the browser belongs to another sign-in (state): run `megarouter login` again")
    fields = answers.fields
    named = fields.get("iss")
    if named != provider.issuer and (named is not None or provider.names_itself):
        raise CommandError("the answer in the browser is from another identity provider: run `megarouter login` again")
    if "error" in fields:
        raise RefusalError(fields["error"], fields.get("error_description", ""))
    if not fields.get("code"):
        raise CommandError("the answer in the browser has no code: run `megarouter login` again")
    return fields["code"]
