"""Computes password verifiers (RFC 5803), so that no clear password reaches PostgreSQL, its log or its activity view."""

import base64
import hashlib
import hmac
import secrets

_SALT_BYTES = 16


class PasswordError(ValueError):
    """The password cannot be used. The message does not repeat it."""


def scram_verifier(password: str, iterations: int, salt: bytes | None = None) -> str:
    """Returns the SCRAM-SHA-256 verifier that PostgreSQL stores for a password.

    Args:
        password: printable ASCII, which SASLprep (RFC 4013) does not change.
        iterations: number of hash iterations. PostgreSQL's default is 4096.
        salt: 16 random bytes by default.

    Raises:
        PasswordError: the password is empty or contains other characters.
    """
    if not password or not (password.isascii() and password.isprintable()):
        raise PasswordError("a password must consist of printable ASCII characters and must not be empty")
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *parts)
