"""The certificate authorities that providers' certificates are checked against."""

import ssl
from pathlib import Path

# Where distributions keep the bundle, for a Python that was built to look elsewhere.
KNOWN_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)


class AuthoritiesNotFoundError(RuntimeError):
    """This machine has no bundle of certificate authorities at any expected path."""


def system_authorities() -> Path:
    """Returns the system's bundle, or the one in `SSL_CERT_FILE`. Envoy 1.40 has no setting that finds it.

    Raises:
        AuthoritiesNotFoundError: there is none.
    """
    configured = ssl.get_default_verify_paths().cafile
    candidates = ((Path(configured),) if configured else ()) + KNOWN_BUNDLES
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise AuthoritiesNotFoundError("no bundle of certificate authorities found: install one, or set SSL_CERT_FILE")
