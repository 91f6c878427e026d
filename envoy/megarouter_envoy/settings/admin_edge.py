"""Reads the settings of the listeners: allowed browser origins, OpenID Connect identity providers, and proxies in front of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.options import FrontProxies, IdentityProvider
from megarouter_envoy.settings.variables import (
    ALLOWED_ORIGINS,
    IDENTITY_PROVIDERS_FILE,
    PROXY_PROTOCOL,
    TRUSTED_HOPS,
)

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)
MAX_TRUSTED_HOPS = 10
_SWITCH = {"true": True, "false": False, "": False}


class AdminEdgeError(Exception):
    """A setting of a listener cannot be used. The message names it and says what to change."""


@dataclass(frozen=True)
class AdminEdge:
    """The settings of the admin listener."""

    allowed_origins: tuple[str, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()


def admin_edge(environment: Mapping[str, str]) -> AdminEdge:
    """Reads the settings of the admin listener from environment variables.

    Raises:
        AdminEdgeError: a setting cannot be used.
    """
    file = environment.get(IDENTITY_PROVIDERS_FILE)
    return AdminEdge(origins_in(environment, ALLOWED_ORIGINS), _identity_providers(Path(file)) if file else ())


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
