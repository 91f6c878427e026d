"""Environment variables of each process, and the file of variables for clients."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.settings.variables import (
    ALLOWED_ORIGINS,
    HOST,
    MODEL_ALLOWED_ORIGINS,
    OF_PUBLIC_LISTENERS,
    PROXY_PROTOCOL,
    TRUSTED_HOPS,
)

from deploy.local.stack.database_urls import service_database_urls
from deploy.local.stack.layout import SPREAD_SERVICES, Home, Ports
from deploy.local.stack.secrets import StackSecrets
from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS

DATABASE_URL = OWNER_URL
REDIS_URL = "MEGAROUTER_REDIS_URL"

HOLD_SIGNING_KEY = "MEGAROUTER_HOLD_SIGNING_KEY"
KEY_PEPPER = "MEGAROUTER_KEY_PEPPER"
EDGE_SECRET = "MEGAROUTER_EDGE_SECRET"  # noqa: S105 - the name of the variable
CHANNEL_KEY = "MEGAROUTER_CHANNEL_KEY"
CREDENTIAL_KEY = "MEGAROUTER_CREDENTIAL_KEY"
INBOX_URL = "MEGAROUTER_INBOX_URL"
INBOX_SECRET = "MEGAROUTER_INBOX_SECRET"  # noqa: S105 - the name of the variable
ALLOWED_TARGETS = "MEGAROUTER_NOTIFICATION_ALLOWED_TARGETS"
# Each secret that can be replaced, and the variables of the other values that a service accepts meanwhile, by field.
REPLACED_SECRETS = {
    HOLD_SIGNING_KEY: {"previous_hold_signing_key": "MEGAROUTER_PREVIOUS_HOLD_SIGNING_KEY"},
    KEY_PEPPER: {
        "previous_key_pepper": "MEGAROUTER_PREVIOUS_KEY_PEPPER",
        "next_key_pepper": "MEGAROUTER_NEXT_KEY_PEPPER",
    },
    EDGE_SECRET: {"previous_edge_secret": "MEGAROUTER_PREVIOUS_EDGE_SECRET"},
    CHANNEL_KEY: {"previous_channel_key": "MEGAROUTER_PREVIOUS_CHANNEL_KEY"},
    CREDENTIAL_KEY: {"previous_credential_key": "MEGAROUTER_PREVIOUS_CREDENTIAL_KEY"},
}
_USES_ONE_VALUE = (("authz", HOLD_SIGNING_KEY),)
"""Services that sign with a key, and verify nothing."""
JOURNAL_FILE = "MEGAROUTER_JOURNAL_FILE"
CATALOG_FILE = "MEGAROUTER_CATALOG_FILE"
ENVOY_ADMIN_URL = "MEGAROUTER_ENVOY_ADMIN_URL"
INVITE_PAGE_URL = "MEGAROUTER_INVITE_PAGE_URL"
REPORT_PAGE_URL = "MEGAROUTER_REPORT_PAGE_URL"
CONSOLE_URL = "MEGAROUTER_CONSOLE_URL"
MODEL_URL = "MEGAROUTER_MODEL_URL"
OPERATORS = "MEGAROUTER_OPERATORS"
DEMO_OPERATORS = "user:acme-olivia"
"""The operators of a stack whose settings name none: the Super Admin of the demo organization."""
LISTEN = "MEGAROUTER_LISTEN"
ENVOY_LISTEN = "MEGAROUTER_ENVOY_LISTEN"
METRICS_LISTEN = "MEGAROUTER_METRICS_LISTEN"
DISCOVERY_LISTEN = "MEGAROUTER_DISCOVERY_LISTEN"
LIVE_FOLDER = "MEGAROUTER_LIVE_FOLDER"
TOKEN_SOURCES_FILE = "MEGAROUTER_TOKEN_SOURCES_FILE"  # noqa: S105 - a path

NEEDS = {
    "authz": (SERVICE_URLS["megarouter_authz"], REDIS_URL, HOLD_SIGNING_KEY, KEY_PEPPER),
    "ratelimit": (REDIS_URL,),
    "usage": (SERVICE_URLS["megarouter_usage"], REDIS_URL, HOLD_SIGNING_KEY, JOURNAL_FILE),
    "admin": (
        *(SERVICE_URLS["megarouter_admin"], REDIS_URL, KEY_PEPPER, EDGE_SECRET, CHANNEL_KEY, CATALOG_FILE),
        *(CREDENTIAL_KEY, DISCOVERY_LISTEN, LIVE_FOLDER),
    ),
    "notification": (SERVICE_URLS["megarouter_notification"], CHANNEL_KEY),
    "token": (TOKEN_SOURCES_FILE,),
}

_PREFIX = "MEGAROUTER_"
_AWS_PREFIX = "AWS_"
_GENERAL = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"})
# Set separately for the processes that need them, or meant for clients or for the tests.
_NOT_INHERITED = frozenset(
    {
        *(
            DATABASE_URL,
            REDIS_URL,
            HOLD_SIGNING_KEY,
            KEY_PEPPER,
            JOURNAL_FILE,
            CATALOG_FILE,
            ENVOY_ADMIN_URL,
            LISTEN,
            ENVOY_LISTEN,
            METRICS_LISTEN,
            DISCOVERY_LISTEN,
            LIVE_FOLDER,
        ),
        *SERVICE_URLS.values(),
        *(variable for others in REPLACED_SECRETS.values() for variable in others.values()),
        *OF_PUBLIC_LISTENERS,
        *(
            EDGE_SECRET,
            CHANNEL_KEY,
            CREDENTIAL_KEY,
            INBOX_URL,
            INBOX_SECRET,
            ALLOWED_ORIGINS,
            MODEL_ALLOWED_ORIGINS,
            TRUSTED_HOPS,
            PROXY_PROTOCOL,
        ),
        *("MEGAROUTER_BASE_URL", "MEGAROUTER_API_KEY", "MEGAROUTER_ADMIN_URL", "MEGAROUTER_ADMIN_ADDRESS"),
        *("MEGAROUTER_ADMIN_TOKEN", "MEGAROUTER_ORGANIZATION", "MEGAROUTER_TEST_HOME", "MEGAROUTER_TEST_PORT_BASE"),
        CONSOLE_URL,
        *("MEGAROUTER_LOGIN_ISSUER", "MEGAROUTER_LOGIN_CLIENT_ID", "MEGAROUTER_CA_FILE"),
    }
)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that every process gets from the caller: settings of this project and of OpenTelemetry, no secrets."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _NOT_INHERITED and (name in _GENERAL or name.startswith(("OTEL_", _PREFIX)))
    }


def aws_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables in which SDKs of AWS look for an access key, a role, or where to ask for one."""
    return {name: value for name, value in environment.items() if name.startswith(_AWS_PREFIX)}


@dataclass(frozen=True, repr=False)
class Backends:
    """Where the databases are. The URLs contain passwords."""

    database_url: str  # of the owner
    redis_url: str
    service_database_urls: Mapping[str, str]  # by variable name
    embedded_postgres: bool
    embedded_redis: bool


def choose_backends(environment: Mapping[str, str], own_database_url: str, own_redis_url: str) -> Backends:
    """Returns the caller's databases where `environment` names them, and the embedded ones otherwise.

    After a shell has sourced this home's own `env` file, its variables name the embedded ones.

    Args:
        environment: of the caller.
        own_database_url: the owner's URL of the embedded PostgreSQL.
        own_redis_url: the URL of the embedded Redis.

    Raises:
        DatabaseUrlError: the services' URLs of the caller's database are not set and cannot be made.
    """
    database_url = environment.get(DATABASE_URL) or own_database_url
    redis_url = environment.get(REDIS_URL) or own_redis_url
    service_urls = service_database_urls(database_url, environment if database_url != own_database_url else {})
    return Backends(database_url, redis_url, service_urls, database_url == own_database_url, redis_url == own_redis_url)


def service_environment(
    service: str,
    home: Home,
    secrets: StackSecrets,
    backends: Backends,
    catalog_file: Path,
    base: Mapping[str, str],
    worker: int = 0,
) -> dict[str, str]:
    """Returns the environment of one process of a service. It contains only the passwords and keys that the service needs.

    Args:
        service: `authz`, `ratelimit`, `usage`, `admin`, `notification` or `token`.
        home: where the stack keeps its files.
        secrets: of the home.
        backends: the databases.
        catalog_file: the catalog.
        base: the variables that every process gets.
        worker: the number of the process, from 0.
    """
    values = {
        **backends.service_database_urls,
        REDIS_URL: backends.redis_url,
        HOLD_SIGNING_KEY: secrets.hold_signing_key,
        KEY_PEPPER: secrets.key_pepper,
        EDGE_SECRET: secrets.edge_secret,
        CHANNEL_KEY: secrets.channel_key,
        CREDENTIAL_KEY: secrets.credential_key,
        JOURNAL_FILE: str(home.journal_file),
        CATALOG_FILE: str(catalog_file),
        DISCOVERY_LISTEN: f"unix:{home.socket('discovery')}",
        LIVE_FOLDER: str(home.envoy_files.live),
        TOKEN_SOURCES_FILE: str(home.envoy_files.token_sources_file),
    }
    needed = {name: values[name] for name in NEEDS[service]} | _replaced(service, secrets)
    if service in SPREAD_SERVICES:  # Envoy calls these for every model call, over the lean transport
        needed[ENVOY_LISTEN] = f"unix:{home.envoy_socket(service, worker)}"
    return {**base, **needed, LISTEN: f"unix:{home.socket(service, worker)}", "PYTHONUNBUFFERED": "1"}


def _replaced(service: str, secrets: StackSecrets) -> dict[str, str]:
    """Returns the other values that the service accepts while a secret is replaced."""
    found = {}
    for name in NEEDS[service]:
        if (service, name) in _USES_ONE_VALUE:
            continue
        for field, variable in REPLACED_SECRETS.get(name, {}).items():
            value = getattr(secrets, field)
            if value is not None:
                found[variable] = value
    return found


def database_environment(backends: Backends) -> dict[str, str]:
    """Returns all URLs of the database by variable name, for migrating it and for the audit."""
    return {DATABASE_URL: backends.database_url, **backends.service_database_urls}


@dataclass(frozen=True, repr=False)
class Demo:
    """The values of the demo organization that clients need."""

    organization: str
    admin_token: str
    api_key: str


def client_environment(
    ports: Ports, backends: Backends, demo: Demo, url_of: Callable[[int], str], host: str = HOST
) -> dict[str, str]:
    """Returns the variables that `HOME/env` contains.

    Args:
        ports: of the stack.
        backends: the databases.
        demo: the demo organization.
        url_of: returns the URL of the public listener at a port.
        host: of the public listeners.
    """
    return {
        "MEGAROUTER_BASE_URL": url_of(ports.model),
        "MEGAROUTER_API_KEY": demo.api_key,
        "MEGAROUTER_ADMIN_URL": url_of(ports.admin),
        "MEGAROUTER_ADMIN_ADDRESS": f"{host}:{ports.admin}",
        "MEGAROUTER_ADMIN_TOKEN": demo.admin_token,
        "MEGAROUTER_ORGANIZATION": demo.organization,
        **database_environment(backends),
        REDIS_URL: backends.redis_url,
        INBOX_URL: inbox_url(ports),
        CONSOLE_URL: console_url(url_of(ports.admin)),
    }


def console_url(admin_url: str) -> str:
    """Returns the URL of the console, which the admin listener serves."""
    return f"{admin_url}/console/"


def inbox_url(ports: Ports) -> str:
    """Returns the URL of the inbox that shows alerts."""
    return f"http://{HOST}:{ports.inbox}"


def render_environment(values: Mapping[str, str]) -> str:
    """Renders variables as lines that a POSIX shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def parse_environment(text: str) -> dict[str, str]:
    """Parses the output of `render_environment`."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
