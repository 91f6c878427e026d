"""Examines the certificates and keys that URLs of PostgreSQL and Redis name."""

import datetime as dt
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from admin_service.doctor.findings import Finding, Verdict

_SOON: Final = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a URL that name files."""

    certificate: str
    key: str
    authorities: str
    password: str


POSTGRES: Final = Options("sslcert", "sslkey", "sslrootcert", "sslpassword")
REDIS: Final = Options("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_password")


def examine_certificates(server: str, url: str, options: Options) -> Iterator[Finding]:
    """Yields what is found about the files that the URL of a server names."""
    given = dict(parse_qsl(urlsplit(url).query))
    now = dt.datetime.now(dt.UTC)
    if path := given.get(options.authorities):
        yield _authorities(f"{server} authorities", Path(path), now)
    if path := given.get(options.certificate):
        yield _certificate(f"{server} client certificate", Path(path), now)
        yield _key(f"{server} client key", given, options)


def _authorities(subject: str, path: Path, now: dt.datetime) -> Finding:
    found = _read(subject, path)
    if isinstance(found, Finding):
        return found
    last = max(found, key=lambda one: one.not_valid_after_utc)
    return _life(subject, path, last, now)


def _certificate(subject: str, path: Path, now: dt.datetime) -> Finding:
    found = _read(subject, path)
    return found if isinstance(found, Finding) else _life(subject, path, found[0], now)


def _read(subject: str, path: Path) -> list[x509.Certificate] | Finding:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        return _unreadable(subject, path, error)
    except ValueError:
        return Finding(subject, Verdict.FAULT, f"{path} contains no certificate in PEM form: put one there")


def _unreadable(subject: str, path: Path, error: OSError) -> Finding:
    advice = "correct its path in the URL, or let this process read it"
    return Finding(subject, Verdict.FAULT, f"{path} cannot be read ({error.strerror}): {advice}")


def _life(subject: str, path: Path, certificate: x509.Certificate, now: dt.datetime) -> Finding:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begin > now:
        text = f"{path} is valid only from {begin:%Y-%m-%d %H:%M} UTC: set the clock, or use another certificate"
        return Finding(subject, Verdict.FAULT, text)
    if end <= now:
        return Finding(subject, Verdict.FAULT, f"{path} expired on {end:%Y-%m-%d}: renew it")
    if end - now < _SOON:
        text = f"{path} expires on {end:%Y-%m-%d}, in less than 30 days: renew it, or check what renews it"
        return Finding(subject, Verdict.WARNING, text)
    return Finding(subject, Verdict.OK, f"{path} is valid until {end:%Y-%m-%d}")


def _key(subject: str, given: Mapping[str, str], options: Options) -> Finding:
    """A key may also be in the file of its certificate."""
    certificate = Path(given[options.certificate])
    path = Path(given.get(options.key, certificate))
    password = given.get(options.password)
    try:
        mode = path.stat().st_mode
        key = load_pem_private_key(path.read_bytes(), None if password is None else password.encode())
    except OSError as error:
        return _unreadable(subject, path, error)
    except (TypeError, ValueError):
        # The message of the error is not shown: it may describe the key.
        text = (
            f"{path} contains no private key that can be opened: put the key in PEM form there, and check its password"
        )
        return Finding(subject, Verdict.FAULT, text)
    if not _fits(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), certificate):
        return Finding(subject, Verdict.FAULT, f"{path} is not the key of {certificate}: renew both together")
    if mode & stat.S_IRWXO:
        return Finding(subject, Verdict.WARNING, f"every user of this machine can read {path}: chmod 640")
    return Finding(subject, Verdict.OK, f"{path} fits its certificate")


def _fits(public_key: bytes, certificate: Path) -> bool:
    """Returns whether a certificate has a public key. What is wrong with the certificate itself is another finding."""
    try:
        own, *_ = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return True
    return own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public_key
