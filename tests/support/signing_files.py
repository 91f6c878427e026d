"""Keys and certificates that sign reports in tests."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from admin_service.analytics.signatures.keys import PrivateKey, SigningFiles

VALID_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
VALID_UNTIL = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def new_key(kind: str = "elliptic curve") -> PrivateKey:
    """Returns a new key of a kind."""
    match kind:
        case "RSA":
            return rsa.generate_private_key(65_537, 2_048)
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def signing_files_in(
    folder: Path,
    key: PrivateKey | None = None,
    of_certificate: PrivateKey | None = None,
    until: dt.datetime = VALID_UNTIL,
) -> SigningFiles:
    """Writes the files of a key and a self-signed certificate, which may be that of another key."""
    key = key or new_key()
    issuer = of_certificate or key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Reports of Acme")])
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)  # noqa: FBT003 - they have no other form
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(issuer.public_key())
        .serial_number(7)
        .not_valid_before(VALID_FROM)
        .not_valid_after(until)
        .add_extension(usage, critical=True)
        .sign(issuer, None if isinstance(issuer, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    files = SigningFiles(folder / "key.pem", folder / "certificate.pem")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.certificates.write_bytes(certificate.public_bytes(Encoding.PEM))
    return files
