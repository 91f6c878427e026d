"""Writes the page with every setting: from the settings classes for services, and from one table for the runner and clients."""

from typing import Final

from megarouter_envoy.binary import BINARY_SETTING
from megarouter_envoy.gateway import container
from megarouter_envoy.module import MODULE_SETTING
from megarouter_envoy.settings.variables import (
    ALLOW_PLAIN_HTTP,
    ALLOWED_ORIGINS,
    DRAIN_GRACE,
    IDENTITY_PROVIDERS_FILE,
    MODEL_ALLOWED_ORIGINS,
    OTLP_ENDPOINT,
    PROXY_PROTOCOL,
    PUBLIC_ADDRESS,
    PUBLIC_HOST,
    TLS_CERTIFICATE_FILE,
    TLS_CLIENT_CA_FILE,
    TLS_KEY_FILE,
    TRUSTED_HOPS,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from admin_service.demo.settings import DemoSettings
from deploy.local.stack.environment import (
    CONSOLE_URL,
    INBOX_URL,
    REDIS_URL,
)
from gateway_core.runtime.settings import (
    PREFIX,
    SETTINGS_BY_SERVICE,
)
from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS
from tools.pages.docstrings import attribute_docstrings

OF_THE_RUNNER: Final = {
    OWNER_URL: "Use this PostgreSQL instead of the embedded one, logging in as the owner of the database.",
    **dict.fromkeys(
        SERVICE_URLS.values(), "With your own PostgreSQL: log in with this URL instead of a generated password."
    ),
    REDIS_URL: "Use this Redis, or Redis Cluster, instead of the embedded one.",
    ALLOWED_ORIGINS: "Origins of browsers that may call the admin API, separated by commas: `https://console.example`.",
    DRAIN_GRACE: "How many seconds running calls may take when Envoy is stopped or replaced. 30 by default.",
    PUBLIC_ADDRESS: "IP address of the two public listeners: `0.0.0.0` for every one of this machine. `127.0.0.1` by default.",
    PUBLIC_HOST: "Host name in the URLs that callers use.",
    TLS_CERTIFICATE_FILE: "Absolute path of a certificate with its chain, PEM, for HTTPS. Read again when it changes.",
    TLS_KEY_FILE: "Absolute path of its unencrypted key, PEM, in the same directory.",
    TLS_CLIENT_CA_FILE: "Absolute path of authorities, PEM. Callers then need a certificate of one of them (mutual TLS).",
    ALLOW_PLAIN_HTTP: "`true`: serve plain HTTP on an address that is not loopback, because something in front ends TLS.",
    MODEL_ALLOWED_ORIGINS: "Origins of browsers that may call models, separated by commas. The console's own is added.",
    IDENTITY_PROVIDERS_FILE: "Absolute path of the file that lists the OpenID Connect issuers whose tokens the admin API accepts.",
    TRUSTED_HOPS: "How many proxies in front of Envoy append to `x-forwarded-for`. The caller's address is what the first of them"
    " saw. 0 by default: Envoy ignores what callers write there.",
    PROXY_PROTOCOL: "`true` if a load balancer begins every connection with the PROXY protocol. Envoy then closes connections"
    " without it. `false` by default.",
    BINARY_SETTING: "Run this Envoy binary instead of the installed one.",
    MODULE_SETTING: "Load this compiled Envoy module instead of compiling the sources.",
}
OF_A_CONTAINERS_ENVOY: Final = {
    container.EDGE_SECRET_FILE: "File with the secret that admin_service has as `MEGAROUTER_EDGE_SECRET`. Required.",
    container.MODEL_URL: "Address at which callers reach models, without a path. Required with the console.",
    container.CREDENTIALS_FOLDER: "Folder with one file for each provider's credential, named as the catalog names its variable."
    " Without one, no provider can be called.",
    container.CATALOG_FILE: "The catalog. By default that of the image.",
    container.AUTHZ_WORKERS: "Processes of the authz_service beside this Envoy. 1 by default.",
    container.RATELIMIT_WORKERS: "Processes of the ratelimit_service beside it. 1 by default.",
    container.CONSOLE: "`false`: Envoy does not serve the console. `true` by default.",
    container.ENVOY_FOLDER: "Where the files are written. `/run/megarouter/envoy` by default.",
    container.SOCKETS_FOLDER: "Where the services and Envoy's admin page listen. `/run/megarouter/sockets` by default.",
    container.JOURNAL_FILE: "The journal that Envoy writes. `/var/lib/megarouter/journal/usage.log` by default.",
    container.MOCK_PROVIDER: "`host:port` of a mock provider, which then answers for every provider without a credential.",
    MODULE_SETTING: "Envoy's module in the image of Envoy.",
}
OF_MIGRATION: Final = {
    OWNER_URL: "PostgreSQL, logging in as the owner of the database. Required.",
    **{
        variable: f"The password in it becomes that of `{role}`. Unset: the role keeps its own."
        for role, variable in SERVICE_URLS.items()
    },
}
OF_CLIENTS: Final = {
    "MEGAROUTER_BASE_URL": "Address of the model listener.",
    "MEGAROUTER_API_KEY": "A demo API key for model calls.",
    "MEGAROUTER_ADMIN_URL": "Address of the admin API for REST and gRPC-Web.",
    "MEGAROUTER_ADMIN_ADDRESS": "Address of the admin API for gRPC, `host:port`.",
    "MEGAROUTER_ADMIN_TOKEN": "Access token of the demo organization's Super Admin.",
    "MEGAROUTER_ORGANIZATION": "Name of the demo organization.",
    OWNER_URL: "The database of the stack, logging in as its owner.",
    **{variable: f"The same, logging in as `{role}`." for role, variable in SERVICE_URLS.items()},
    REDIS_URL: "The Redis that the stack uses.",
    CONSOLE_URL: "The web console. `./dev console` prints a link that signs in.",
    INBOX_URL: "The inbox that receives the demo's alerts. `GET /messages` returns them.",
}
READ_BY_CLIENTS: Final = {
    "MEGAROUTER_CA_FILE": "File of certificate authorities, PEM, to trust for the admin API in place of the usual ones.",
}
_INTRODUCTION: Final = """# Settings

Generated from the settings classes by `./dev protos --pages`; do not edit. Settings are environment
variables. A service refuses to start, and names the variable, when one that begins with `MEGAROUTER_` is unknown.

## Services

`all` stands for authz_service, ratelimit_service, usage_service, admin_service, notification_service and token_service.

| variable | service | default | meaning |
|---|---|---|---|"""
_TELEMETRY: Final = f"""
Every service, Envoy included, also reads OpenTelemetry's variables:

| variable | meaning |
|---|---|
| `{OTLP_ENDPOINT}` | `http://host:4317` of an OTLP/gRPC collector for traces and metrics. Without it nothing is exported. |
| `OTEL_METRIC_EXPORT_INTERVAL` | Milliseconds between two exports of metrics; 60000 if unset. |
"""


def settings_page() -> str:
    """Returns the text of the page."""
    lines = [_INTRODUCTION, *_services(), _TELEMETRY]
    lines += ["## `./dev up`\n", "| variable | meaning |", "|---|---|", *_rows(OF_THE_RUNNER)]
    lines += [
        "\n## `python -m gateway_core.schema migrate`\n",
        "| variable | meaning |",
        "|---|---|",
        *_rows(OF_MIGRATION),
    ]
    lines += [
        "\n## `python -m megarouter_envoy.gateway`\n",
        (
            "It writes the files of a container's Envoy, and ends. It also reads those variables of `./dev up` that concern"
            " listeners, browsers, identity providers, proxies and traces.\n"
        ),
        "| variable | meaning |",
        "|---|---|",
        *_rows(OF_A_CONTAINERS_ENVOY),
    ]
    lines += ["\n## `python -m admin_service.demo`\n", "| variable | default | meaning |", "|---|---|---|", *_demo()]
    lines += [
        "\n## Written for clients\n",
        "`./dev up` writes these to `HOME/env` (`.run/env` by default), a file to source in a shell.\n",
        "| variable | meaning |",
        "|---|---|",
        *_rows(OF_CLIENTS),
    ]
    lines += [
        "\n## Read by clients\n",
        "The command line `megarouter` and the Python client also read:\n",
        "| variable | meaning |",
        "|---|---|",
        *_rows(READ_BY_CLIENTS),
    ]
    return "\n".join(lines) + "\n"


def _services() -> list[str]:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for service, settings in SETTINGS_BY_SERVICE.items():
        meanings = attribute_docstrings(settings)
        for name, field in settings.model_fields.items():
            rows.setdefault((_variable(name), _default(field), meanings[name]), []).append(service)
    return [
        f"| `{variable}` | {'all' if len(services) == len(SETTINGS_BY_SERVICE) else ', '.join(services)} | {default} | {meaning} |"
        for (variable, default, meaning), services in rows.items()
    ]


def _demo() -> list[str]:
    meanings = attribute_docstrings(DemoSettings)
    own = [name for name in DemoSettings.model_fields if name in DemoSettings.__annotations__ and name != "listen"]
    return [f"| `{_variable(name)}` | {_default(DemoSettings.model_fields[name])} | {meanings[name]} |" for name in own]


def _rows(meanings: dict[str, str]) -> list[str]:
    return [f"| `{variable}` | {meaning} |" for variable, meaning in meanings.items()]


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _default(field: FieldInfo) -> str:
    return "required" if field.default is PydanticUndefined else f"`{field.default}`"
