"""Reads the settings of the listeners: allowed browser origins, OpenID Connect identity providers, who signs reports, and proxies
in front of them."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from megarouter_envoy.options import FrontProxies, IdentityProvider
from megarouter_envoy.settings.variables import (
    ALLOWED_ORIGINS,
    IDENTITY_PROVIDERS_FILE,
    MODEL_ALLOWED_ORIGINS,
    PROXY_PROTOCOL,
    REPORT_CERTIFICATE_FILE,
    SIGN_IN_PAGE_URL,
    TRUSTED_HOPS,
)

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_MOST_CERTIFICATE_BYTES = 64 * 1024
MAX_TRUSTED_HOPS = 10
_SWITCH = {"true": True, "false": False, "": False}


class AdminEdgeError(Exception):
    """A setting of a listener cannot be used. The message names it and says what to change."""


@dataclass(frozen=True)
class AdminEdge:
    """The settings of the admin listener."""

    allowed_origins: tuple[str, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()
    report_certificates: tuple[bytes, ...] = ()  # in DER; their keys sign reports


def admin_edge(environment: Mapping[str, str]) -> AdminEdge:
    """Reads the settings of the admin listener from environment variables.

    Raises:
        AdminEdgeError: a setting cannot be used.
    """
    file = environment.get(IDENTITY_PROVIDERS_FILE)
    return AdminEdge(
        origins_in(environment, ALLOWED_ORIGINS),
        _identity_providers(Path(file)) if file else (),
        _report_certificates(environment.get(REPORT_CERTIFICATE_FILE)),
    )


def model_origins(environment: Mapping[str, str], *admin_urls: str) -> tuple[str, ...]:
    """Returns the origins of browsers that may call models: those of the settings, and the console's own for its playground.

    The console's page for signing in has the address at which people open it.

    Args:
        environment: the settings.
        admin_urls: further addresses of the admin listener.

    Raises:
        AdminEdgeError: a setting cannot be used.
    """
    pages = [page for page in (*admin_urls, environment.get(SIGN_IN_PAGE_URL)) if page]
    return tuple(dict.fromkeys((*origins_in(environment, MODEL_ALLOWED_ORIGINS), *map(_origin, pages))))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _report_certificates(file: str | None) -> tuple[bytes, ...]:
    """Returns the certificates with which reports are signed, and earlier ones that follow in the same file."""
    if not file:
        return ()
    try:
        with Path(file).open(encoding="ascii") as opened:
            text = opened.read(_MOST_CERTIFICATE_BYTES)
        return tuple(ssl.PEM_cert_to_DER_cert(found) for found in _CERTIFICATE.findall(text))
    except (OSError, ValueError) as error:
        raise AdminEdgeError(f"{REPORT_CERTIFICATE_FILE}: {error}") from error


def origins_in(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Returns the origins in the variable `name`, which separates them by commas.

    Raises:
        AdminEdgeError: one is not an origin.
    """
    origins = tuple(origin for part in environment.get(name, "").split(",") if (origin := part.strip()))
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise AdminEdgeError(
                f"{name}: {origin!r} is not an origin: write scheme, host and port, such as https://console.example"
            )
    return origins


def front_proxies(environment: Mapping[str, str]) -> FrontProxies:
    """Reads how the proxies in front of Envoy report the caller's address.

    Raises:
        AdminEdgeError: a setting cannot be used.
    """
    hops = environment.get(TRUSTED_HOPS) or "0"
    if not (hops.isascii() and hops.isdigit() and int(hops) <= MAX_TRUSTED_HOPS):
        raise AdminEdgeError(f"{TRUSTED_HOPS}: {hops!r} is not a number of proxies: write 0 to {MAX_TRUSTED_HOPS}")
    protocol = environment.get(PROXY_PROTOCOL, "")
    if protocol not in _SWITCH:
        raise AdminEdgeError(f"{PROXY_PROTOCOL}: {protocol!r} is not a switch: write true or false")
    return FrontProxies(int(hops), _SWITCH[protocol])


def _identity_providers(file: Path) -> tuple[IdentityProvider, ...]:
    # Imported here, because few stacks have identity providers and the validation library is slow to load.
    from megarouter_envoy.settings.identity_providers import IdentityProvidersError, read_identity_providers  # noqa: PLC0415

    try:
        return read_identity_providers(file)
    except IdentityProvidersError as error:
        raise AdminEdgeError(str(error)) from error
