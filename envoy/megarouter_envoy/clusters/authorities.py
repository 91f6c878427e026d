"""The certificate authorities that providers are checked against."""

import ssl
from pathlib import Path

# Where distributions keep the bundle, for a Python that was built to look elsewhere.
KNOWN_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)


class AuthoritiesNotFoundError(RuntimeError):
    """This machine has no bundle of certificate authorities where one is expected."""


def system_authorities() -> Path:
    """The system's bundle; `SSL_CERT_FILE` comes first. Envoy 1.40 has no setting of its own that finds it.

    Raises AuthoritiesNotFoundError.
    """
    configured = ssl.get_default_verify_paths().cafile
    candidates = ((Path(configured),) if configured else ()) + KNOWN_BUNDLES
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise AuthoritiesNotFoundError("no bundle of certificate authorities found: install one, or set SSL_CERT_FILE")
