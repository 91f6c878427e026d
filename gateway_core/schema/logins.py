"""Who logs in to the database: the roles of the services, and the variables that hold their URLs."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway_core.schema.files import SchemaError

OWNER_URL: Final = "MEGAROUTER_DATABASE_URL"
"""The variable with the URL of the owner, who migrates and audits."""
SERVICE_URLS: Final = {
    "megarouter_authz": "MEGAROUTER_AUTHZ_DATABASE_URL",
    "megarouter_usage": "MEGAROUTER_USAGE_DATABASE_URL",
    "megarouter_admin": "MEGAROUTER_ADMIN_DATABASE_URL",
}
"""By role, the variable with the URL with which its service logs in."""
AUDIT_ROLE: Final = "megarouter_audit"
"""Takes no login: the owner switches to it for an audit."""


def read_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the passwords in the services' URLs by role. A role whose variable is absent, or has no password, is left out.

    Raises:
        SchemaError: a URL logs in as another role than its service's. The message names the variable, never its value.
    """
    passwords = {}
    for role, variable in SERVICE_URLS.items():
        if not environment.get(variable):
            continue
        try:
            url = urlsplit(environment[variable])
            user, password = unquote(url.username or ""), unquote(url.password or "")
        except ValueError:
            raise SchemaError(f"{variable} is not the URL of a PostgreSQL database") from None
        if user != role:
            raise SchemaError(f"{variable} must log in as {role}")
        if password:
            passwords[role] = password
    return passwords
