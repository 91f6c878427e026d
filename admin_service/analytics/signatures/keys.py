"""Where the key and the certificate are that sign reports, and whether they fit."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

KEY_FILE: Final = "MEGAROUTER_REPORT_KEY_FILE"
CERTIFICATE_FILE: Final = "MEGAROUTER_REPORT_CERTIFICATE_FILE"
_MOST_BYTES: Final = 64 * 1024
_SMALLEST_RSA_BITS: Final = 2_048

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class SigningKeyError(Exception):
    """Reports cannot be signed. The message says why, without any part of the key."""


@dataclass(frozen=True, slots=True)
class SigningFiles:
    """The PEM files of the key and of its certificate. The certificates of its issuers may follow in the same file."""

    key: Path
    certificates: Path


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and its certificates, its own first."""

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]


def signing_files(key: Path | None, certificates: Path | None) -> SigningFiles | None:
    """Returns the files; None if neither is given.

    Raises:
        SigningKeyError: only one is given.
    """
    if key is not None and certificates is not None:
        return SigningFiles(key, certificates)
    if key is None and certificates is None:
        return None
    raise SigningKeyError(f"set both {KEY_FILE} and {CERTIFICATE_FILE}, or neither")


def signing_files_of(environment: Mapping[str, str]) -> SigningFiles | None:
    """Returns the files that environment variables name; None if they name none.

    Raises:
        SigningKeyError: only one is named.
    """
    paths = [Path(environment[name]) if environment.get(name) else None for name in (KEY_FILE, CERTIFICATE_FILE)]
    return signing_files(*paths)


def load_signing_key(files: SigningFiles, now: dt.datetime) -> SigningKey:
    """Reads a key and its certificates.

    Raises:
        SigningKeyError: they cannot be read, do not fit, or the certificate is not valid now.
    """
    try:
        key = load_pem_private_key(_content(KEY_FILE, files.key), password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"{KEY_FILE} must be a private key in PEM without a password") from error
    if not isinstance(key, PrivateKey):
        raise SigningKeyError(f"{KEY_FILE} must be a key of RSA, of an elliptic curve or of Ed25519")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _SMALLEST_RSA_BITS:
        raise SigningKeyError(f"{KEY_FILE} must have at least {_SMALLEST_RSA_BITS} bits")
    try:
        certificates = x509.load_pem_x509_certificates(_content(CERTIFICATE_FILE, files.certificates))
    except ValueError as error:
        raise SigningKeyError(f"{CERTIFICATE_FILE} must be certificates in PEM") from error
    if certificates[0].public_key() != key.public_key():
        raise SigningKeyError(f"the first certificate of {CERTIFICATE_FILE} is not of the key in {KEY_FILE}")
    if not certificates[0].not_valid_before_utc <= now <= certificates[0].not_valid_after_utc:
        raise SigningKeyError(f"the certificate of {CERTIFICATE_FILE} is not valid now")
    return SigningKey(key, tuple(certificates))


def _content(name: str, file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES)
    except OSError as error:
        raise SigningKeyError(f"cannot read the file of {name}: {error.strerror or type(error).__name__}") from error
