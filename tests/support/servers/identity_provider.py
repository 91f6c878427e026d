"""An identity provider for tests, with real keys and signatures. It serves its keys and its sign-in on the loopback interface."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.servers.sign_in_endpoints import SignInEndpoints

ISSUER = "https://id.example"
AUDIENCE = "megarouter-test"
DOCUMENTED_AUDIENCE = "megarouter"
"""The client id in the guides."""


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(encode(json.dumps(part).encode()) for part in (header, claims))


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class RsaKey:
    """Signs with RS256."""

    name: str
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65_537, 2_048))

    @property
    def public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.name, "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, claims: dict[str, Any]) -> str:
        text = unsigned({"alg": "RS256", "typ": "JWT", "kid": self.name}, claims)
        return f"{text}.{encode(self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass
class EcKey:
    """Signs with ES256."""

    name: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        x, y = (encode(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        return {"kty": "EC", "kid": self.name, "alg": "ES256", "crv": "P-256", "x": x, "y": y}

    def sign(self, claims: dict[str, Any]) -> str:
        text = unsigned({"alg": "ES256", "typ": "JWT", "kid": self.name}, claims)
        signature = decode_dss_signature(self.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{encode(b''.join(value.to_bytes(32, 'big') for value in signature))}"


def sign_with_secret(secret: bytes, claims: dict[str, Any], kid: str) -> str:
    """Signs with HS256. The secret may be another party's public key."""
    text = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid}, claims)
    signature = hmac.HMAC(secret, hashes.SHA256())
    signature.update(text.encode())
    return f"{text}.{encode(signature.finalize())}"


@dataclass
class IdentityProvider:
    """A running identity provider. Tests may change what it publishes."""

    address: str
    keys: list[RsaKey | EcKey]
    sign_in: SignInEndpoints = field(init=False)

    def __post_init__(self) -> None:
        self.sign_in = SignInEndpoints((AUDIENCE, DOCUMENTED_AUDIENCE), self._sign, time.time)

    def _sign(self, claims: dict[str, Any]) -> str:
        return self.keys[0].sign(claims)

    def issuer(self, host: str) -> str:
        """Returns the issuer for callers that know the provider by `host`: its own address, or ISSUER behind a proxy."""
        return self.address if self.address.endswith(host) else ISSUER

    def claims(self, subject: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600, **more}

    def token(self, subject: str, **more: Any) -> str:
        return self.keys[0].sign(self.claims(subject, **more))

    def settings(self) -> str:
        """Returns the settings as an operator writes them."""
        return json.dumps(
            {
                "identity_providers": [
                    {
                        "name": "staff",
                        "issuer": ISSUER,
                        "audiences": [AUDIENCE, DOCUMENTED_AUDIENCE],
                        "cli_client_id": DOCUMENTED_AUDIENCE,
                        "console_client_id": DOCUMENTED_AUDIENCE,
                        "jwks_uri": f"{self.address}/keys",
                        "jwks_cache_s": 1,
                        "organizations": ["acme"],
                    }
                ]
            }
        )


@contextmanager
def running_identity_provider() -> Iterator[IdentityProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            self._answer(dict(parse_qsl(self.rfile.read(length).decode())))

        def _answer(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            issuer = provider.issuer(self.headers.get("host", ""))
            answer = provider.sign_in.answer(parts.path, dict(parse_qsl(parts.query)) | form, issuer)
            # Whatever the sign-in has no page for are the keys.
            status, content, location = answer or (200, {"keys": [key.public for key in provider.keys]}, "")
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("access-control-allow-origin", "*")  # browsers sign in too
            self.send_header("content-length", str(len(body)))
            if location:
                self.send_header("location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}", [RsaKey("rsa-1"), EcKey("ec-1")])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
