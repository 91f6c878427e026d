"""The endpoints of an identity provider at which people sign in: authorization code with PKCE, devices, and refresh tokens.

Nobody is asked anything: whoever opens the page is signed in as `person`.
"""

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

Answer = tuple[int, dict[str, Any], str]
"""Status, JSON body, and where to redirect to."""

_OPENED = "__opened__"


@dataclass
class SignInEndpoints:
    """What people do at the provider, and what it answers. Tests change the fields."""

    client_ids: tuple[str, ...]
    sign: Callable[[dict[str, Any]], str]
    clock: Callable[[], float]
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "person-1"})
    token_life_s: int = 630
    clock_ahead_s: int = 0
    """How far the provider's clock is ahead of the true time."""
    changed_claims: dict[str, Any] = field(default_factory=dict)
    """Claims that the ID tokens get besides the right ones, or in place of them."""
    changed_answer: dict[str, str] = field(default_factory=dict)
    """Parameters that the browser brings back besides the right ones, or in place of them."""
    refusals: list[dict[str, str]] = field(default_factory=list)
    """What the next requests for a token are refused with."""
    discovery: dict[str, Any] = field(default_factory=dict)
    """Fields of the discovery document that replace the right ones."""
    refreshes: int = 0
    revoked: list[str] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _refresh_tokens: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, form: dict[str, str], issuer: str) -> Answer | None:
        """Answers a request, or returns None if there is no such page."""
        if path == "/.well-known/openid-configuration":
            return 200, self._discovery(issuer), ""
        if path == "/moved":
            return 302, {}, f"{issuer}/token"
        with self._lock:
            if path == "/authorize":
                return self._authorize(form)
            if path == "/device":
                return self._device(issuer, form)
            if path == "/token":
                return self._token(form, issuer)
            if path == "/revoke":
                self.revoked.append(form["token"])
                self._refresh_tokens.discard(form["token"])
                return 200, {}, ""
        return None

    def _discovery(self, issuer: str) -> dict[str, Any]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "device_authorization_endpoint": f"{issuer}/device",
            "revocation_endpoint": f"{issuer}/revoke",
            "scopes_supported": ["openid", "email", "profile", "offline_access"],
            **self.discovery,
        }

    def _authorize(self, form: dict[str, str]) -> Answer:
        if form["client_id"] not in self.client_ids or form["code_challenge_method"] != "S256" or not form["nonce"]:
            return 400, {"error": "invalid_request"}, ""
        code = secrets.token_urlsafe()
        self._codes[code] = form
        back = {"code": code, "state": form["state"], **self.changed_answer}
        return 302, {}, f"{form['redirect_uri']}?{urlencode(back)}"

    def _device(self, issuer: str, form: dict[str, str]) -> Answer:
        code = secrets.token_urlsafe()
        self._codes[code] = {**form, _OPENED: "yes"}
        place = f"{issuer}/enter"
        return 200, {
            "device_code": code, "user_code": "WDJB-MJHT", "verification_uri": place, "expires_in": 60, "interval": 1,
        }, ""  # fmt: skip

    def _token(self, form: dict[str, str], issuer: str) -> Answer:
        self.token_requests.append(form)
        if form.get("client_id") not in self.client_ids:
            return 401, {"error": "invalid_client"}, ""
        if self.refusals:
            return 400, self.refusals.pop(0), ""
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self._refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": "The refresh token was used."}, ""
            self._refresh_tokens.discard(form["refresh_token"])
            self.refreshes += 1
            return self._granted(issuer, form["client_id"], {})
        asked = self._codes.pop(form.get("code") or form.get("device_code") or "", None)
        if asked is None or not _proves(asked, form):
            return 400, {"error": "invalid_grant", "error_description": "The code is not valid."}, ""
        return self._granted(issuer, form["client_id"], {"nonce": asked["nonce"]} if "nonce" in asked else {})

    def _granted(self, issuer: str, audience: str, more: dict[str, Any]) -> Answer:
        now = int(self.clock()) + self.clock_ahead_s
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": now,
            "exp": now + self.token_life_s,
            **self.person,
            **more,
        }
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens.add(refresh_token)
        token = self.sign({**claims, **self.changed_claims})
        granted = {"id_token": token, "access_token": "opaque", "refresh_token": refresh_token, "token_type": "Bearer"}
        return 200, granted, ""


def _proves(asked: dict[str, str], form: dict[str, str]) -> bool:
    """Returns whether the verifier of PKCE is the right one, and the redirect the same as before."""
    if _OPENED in asked:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return challenge == asked["code_challenge"] and form.get("redirect_uri") == asked["redirect_uri"]
