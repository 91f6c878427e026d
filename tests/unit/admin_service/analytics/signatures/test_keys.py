"""A key that cannot sign is refused with the reason, before any report is made."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from admin_service.analytics.signatures.keys import (
    CERTIFICATE_FILE,
    KEY_FILE,
    SigningFiles,
    SigningKeyError,
    load_signing_key,
    signing_files,
    signing_files_of,
)
from tests.support.signing_files import new_key, signing_files_in

NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def with_password(files: SigningFiles) -> None:
    files.key.write_bytes(
        new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )


def for_agreement(files: SigningFiles) -> None:
    key = x25519.X25519PrivateKey.generate()
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def short(files: SigningFiles) -> None:
    key = rsa.generate_private_key(65_537, 1_024)  # noqa: S505 - it is refused
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda files: files.key.unlink(), "cannot read the file of MEGAROUTER_REPORT_KEY_FILE: No such file"),
        (lambda files: files.key.write_text("no key"), "must be a private key in PEM"),
        (with_password, "without a password"),
        (for_agreement, "must be a key of RSA, of an elliptic curve or of Ed25519"),
        (short, "must have at least 2048 bits"),
        (lambda files: files.certificates.write_text("none"), "MEGAROUTER_REPORT_CERTIFICATE_FILE must be certificates in PEM"),
        (lambda files: signing_files_in(files.key.parent, of_certificate=new_key()), "is not of the key"),
        (lambda files: signing_files_in(files.key.parent, until=NOW - dt.timedelta(days=1)), "is not valid now"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_sign_is_refused(tmp_path: Path, spoil: object, reason: str) -> None:
    files = signing_files_in(tmp_path)
    load_signing_key(files, NOW)
    assert callable(spoil)
    spoil(files)
    with pytest.raises(SigningKeyError, match=reason):
        load_signing_key(files, NOW)


def test_one_file_without_the_other_is_refused() -> None:
    assert signing_files_of({}) is None
    assert signing_files_of({KEY_FILE: "a", CERTIFICATE_FILE: "b"}) == SigningFiles(Path("a"), Path("b"))
    for environment in ({KEY_FILE: "a"}, {CERTIFICATE_FILE: "b"}):
        with pytest.raises(SigningKeyError, match="set both"):
            signing_files_of(environment)
    with pytest.raises(SigningKeyError, match="set both"):
        signing_files(Path("a"), None)
