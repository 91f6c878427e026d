"""Makes the URLs with which the services of a stack log in to PostgreSQL."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS

_PURPOSE = "password of the database role "


class DatabaseUrlError(Exception):
    """The services' URLs cannot be made. The message says what to set."""


def service_database_urls(owner_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the URL of each service by variable name: the one in `environment` if set, otherwise one from `login_url`.

    Raises:
        DatabaseUrlError: `login_url` is needed, and the owner's URL has no password.
    """
    return {
        variable: environment.get(variable) or login_url(owner_url, role) for role, variable in SERVICE_URLS.items()
    }


def login_url(owner_url: str, role: str) -> str:
    """Returns a URL of the same database that logs in as `role`.

    The password is derived from the owner's, so that all stacks that share a server give a role the same password. It does not
    reveal the owner's password.

    Raises:
        DatabaseUrlError: the owner's URL has no password.
    """
    parts = urlsplit(owner_url)
    if not parts.password:
        raise DatabaseUrlError(f"{OWNER_URL} has no password: set {', '.join(SERVICE_URLS.values())} too")
    digest = hmac.digest(unquote(parts.password).encode(), (_PURPOSE + role).encode(), "sha256")
    password = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{password}@{address}"))
