"""The roles that log in to the database, and the environment variables with their URLs."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway_core.schema.files import SchemaError

OWNER_URL: Final = "MEGAROUTER_DATABASE_URL"
"""The variable with the URL of the owner, who migrates and audits the database."""
SERVICE_URLS: Final = {
    "megarouter_authz": "MEGAROUTER_AUTHZ_DATABASE_URL",
    "megarouter_usage": "MEGAROUTER_USAGE_DATABASE_URL",
    "megarouter_admin": "MEGAROUTER_ADMIN_DATABASE_URL",
    "megarouter_notification": "MEGAROUTER_NOTIFICATION_DATABASE_URL",
}
"""By role: the variable with the URL with which its service logs in."""
AUDIT_ROLE: Final = "megarouter_audit"
"""The role that the owner switches to for an audit. It cannot log in."""


def read_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the passwords in the services' URLs by role. Omits roles whose variable is not set or has no password.

    Raises:
        SchemaError: a URL is not valid or logs in as the wrong role. The message names the variable, never its value.
    """
    passwords = {}
    for role, variable in SERVICE_URLS.items():
        if not environment.get(variable):
            continue
        try:
            url = urlsplit(environment[variable])
            user, password = unquote(url.username or ""), unquote(url.password or "")
        except ValueError:
            raise SchemaError(
                f"{variable} is not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        if user != role:
            raise SchemaError(f"{variable} must log in as {role}")
        if password:
            passwords[role] = password
    return passwords
