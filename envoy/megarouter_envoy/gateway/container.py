"""Plans the Envoy of a container: its files are in fixed places, and its secrets are mounted."""

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from megarouter_envoy.gateway.folder import EnvoyFolder
from megarouter_envoy.gateway.plan import GatewayPlan, GatewayPorts, MetricsDoor
from megarouter_envoy.module import MODULE_SETTING
from megarouter_envoy.options import ADMIN_JSON_PATH, Console, ServiceSockets
from megarouter_envoy.replies.console_files import read_console
from megarouter_envoy.settings.admin_edge import AdminEdge, admin_edge, front_proxies, model_origins
from megarouter_envoy.settings.catalog_summary import CatalogSummary, ProviderEntry
from megarouter_envoy.settings.drain_grace import drain_grace_s
from megarouter_envoy.settings.otlp import otlp_address
from megarouter_envoy.settings.providers import Address, Route, is_aws, plan_routes
from megarouter_envoy.settings.public_listeners import public_listeners
from megarouter_envoy.settings.variables import OF_BOTH

APPLICATION: Final = Path(__file__).resolve().parents[3]
PORTS: Final = GatewayPorts(model=8443, admin=8444, metrics=9902)
EVERYONE: Final = MetricsDoor("0.0.0.0", ("*",))  # noqa: S104 - a pod is reached by its address, and a network policy guards it
ADMIN_SOCKET: Final = "envoy-admin.sock"
DISCOVERY_SOCKET: Final = "discovery.sock"

ENVOY_FOLDER: Final = "MEGAROUTER_ENVOY_FOLDER"
SOCKETS_FOLDER: Final = "MEGAROUTER_SOCKETS_FOLDER"
JOURNAL_FILE: Final = "MEGAROUTER_JOURNAL_FILE"
CATALOG_FILE: Final = "MEGAROUTER_CATALOG_FILE"
CREDENTIALS_FOLDER: Final = "MEGAROUTER_CREDENTIALS_FOLDER"
EDGE_SECRET_FILE: Final = "MEGAROUTER_EDGE_SECRET_FILE"  # noqa: S105 - the name of the variable
AUTHZ_WORKERS: Final = "MEGAROUTER_AUTHZ_WORKERS"
RATELIMIT_WORKERS: Final = "MEGAROUTER_RATELIMIT_WORKERS"
CONSOLE: Final = "MEGAROUTER_CONSOLE"
MODEL_URL: Final = "MEGAROUTER_MODEL_URL"
MOCK_PROVIDER: Final = "MEGAROUTER_MOCK_PROVIDER"

_DEFAULTS: Final = {
    ENVOY_FOLDER: "/run/megarouter/envoy",
    SOCKETS_FOLDER: "/run/megarouter/sockets",
    JOURNAL_FILE: "/var/lib/megarouter/journal/usage.log",
    CATALOG_FILE: str(APPLICATION / "deploy" / "catalog" / "catalog.yaml"),
    MODULE_SETTING: "/usr/local/lib/libmegarouter.so",
    AUTHZ_WORKERS: "1",
    RATELIMIT_WORKERS: "1",
    CONSOLE: "true",
}
KNOWN: Final = frozenset({*_DEFAULTS, *OF_BOTH, EDGE_SECRET_FILE, MODEL_URL, CREDENTIALS_FOLDER, MOCK_PROVIDER})
"""The variables that the program reads."""
_PREFIX: Final = "MEGAROUTER_"
_MOST_WORKERS: Final = 64
_SECRET_MAX_BYTES: Final = 64 * 1024


class ContainerError(Exception):
    """The environment does not describe an Envoy that can start. The message says what to change."""


@dataclass(frozen=True, repr=False)
class ContainerPlan:
    """The plan, and the providers that have no credential."""

    gateway: GatewayPlan
    left_out: tuple[str, ...]


def container_plan(environment: Mapping[str, str], summarize: Callable[[Path], CatalogSummary]) -> ContainerPlan:
    """Returns the plan of the Envoy that `environment` describes.

    Raises:
        ContainerError: a variable is unknown or missing, or a file that it names cannot be used.
    """
    settings = _settings(environment)
    catalog = summarize(Path(settings[CATALOG_FILE]))
    routes = _routes(catalog.providers, settings)
    known = {route.name for route in routes}
    edge = admin_edge(environment)
    folder, sockets = EnvoyFolder(Path(settings[ENVOY_FOLDER])), Path(settings[SOCKETS_FOLDER])
    plan = GatewayPlan(
        folder=folder,
        ports=PORTS,
        envoy_admin_socket=sockets / ADMIN_SOCKET,
        sockets=_sockets(sockets, settings),
        journal_file=Path(settings[JOURNAL_FILE]),
        module_path=Path(settings[MODULE_SETTING]),
        edge_secret_file=_sent_as_it_is(
            EDGE_SECRET_FILE, _readable(EDGE_SECRET_FILE, Path(settings[EDGE_SECRET_FILE]))
        ),
        routes=routes,
        fallbacks=tuple(order for order in catalog.fallbacks if known.issuperset(order)),
        discovery_socket=sockets / DISCOVERY_SOCKET,
        drain_grace_s=drain_grace_s(environment),
        admin_edge=edge,
        listeners=public_listeners(environment),
        front_proxies=front_proxies(environment),
        metrics=EVERYONE,
        model_origins=model_origins(environment),
        console=_console(settings, edge),
        otlp_endpoint=otlp_address(environment),
        descriptor_file=folder.directory / "admin_api.binpb",
        admin_json_file=folder.directory / ADMIN_JSON_PATH.name,
    )
    left_out = dict.fromkeys(provider.name for provider in catalog.providers if provider.name not in known)
    return ContainerPlan(plan, tuple(left_out))


def prepare_folder(folder: EnvoyFolder, descriptor_file: Path) -> None:
    """Creates the folder, and copies to it what Envoy's own container does not have."""
    for directory in (folder.directory, folder.credentials, folder.token_credentials):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(descriptor_file, folder.directory / "admin_api.binpb")
    shutil.copyfile(ADMIN_JSON_PATH, folder.directory / ADMIN_JSON_PATH.name)


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    given = {name: value for name, value in environment.items() if name.startswith(_PREFIX) and value}
    unknown = sorted(given.keys() - KNOWN)
    if unknown:
        raise ContainerError(f"unknown settings {', '.join(unknown)}: correct the name or unset it")
    if EDGE_SECRET_FILE not in given:
        raise ContainerError(f"{EDGE_SECRET_FILE}: not set")
    return {**_DEFAULTS, **given}


def _sockets(folder: Path, settings: Mapping[str, str]) -> ServiceSockets:
    return ServiceSockets(
        authz=folder / "authz-envoy.sock",
        ratelimit=folder / "ratelimit-envoy.sock",
        usage=folder / "usage.sock",
        admin=folder / "admin.sock",
        authz_workers=_workers(settings, AUTHZ_WORKERS),
        ratelimit_workers=_workers(settings, RATELIMIT_WORKERS),
    )


def _workers(settings: Mapping[str, str], name: str) -> int:
    text = settings[name]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_WORKERS):
        raise ContainerError(f"{name}: {text!r} is not a number of processes from 1 to {_MOST_WORKERS}")
    return int(text)


def _routes(providers: tuple[ProviderEntry, ...], settings: Mapping[str, str]) -> tuple[Route, ...]:
    files = _credential_files(settings)
    credentials = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    routes = plan_routes(providers, credentials, _mock(settings))
    variables = {provider.name: provider.credential_env for provider in providers}
    return tuple(_sent_from_its_file(route, files.get(variables[route.name])) for route in routes)


def _sent_from_its_file(route: Route, file: Path | None) -> Route:
    """Returns a route that sends a key as it is in its mounted file, so that Envoy notices a replaced one."""
    if file is None or route.is_mock or route.wants_token or is_aws(route.authentication):
        return route
    return dataclasses.replace(route, credential_file=_sent_as_it_is(CREDENTIALS_FOLDER, file))


def _sent_as_it_is(variable: str, file: Path) -> Path:
    """Returns the file, whose content becomes the value of a header."""
    text = file.read_text(encoding="utf-8")
    if text != text.strip():
        raise ContainerError(f"{variable}: {file.name} begins or ends with a space or a line break: remove it")
    return file


def _credential_files(settings: Mapping[str, str]) -> dict[str, Path]:
    """Returns the files of credentials by name. Kubernetes begins the names of its own files with a dot."""
    if CREDENTIALS_FOLDER not in settings:
        return {}
    folder = Path(settings[CREDENTIALS_FOLDER])
    if not folder.is_dir():
        raise ContainerError(f"{CREDENTIALS_FOLDER}: {folder} is not a directory")
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return {file.name: _readable(CREDENTIALS_FOLDER, file) for file in files}


def _readable(variable: str, file: Path) -> Path:
    try:
        size = len(file.read_bytes())
    except OSError as error:
        raise ContainerError(f"{variable}: {file} cannot be read: {error.strerror}") from error
    if not 0 < size <= _SECRET_MAX_BYTES:
        raise ContainerError(f"{variable}: {file} is empty or larger than {_SECRET_MAX_BYTES} bytes")
    return file


def _mock(settings: Mapping[str, str]) -> Address | None:
    text = settings.get(MOCK_PROVIDER)
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ContainerError(f"{MOCK_PROVIDER}: {text!r} is not host:port")
    return Address(host, int(port))


def _console(settings: Mapping[str, str], edge: AdminEdge) -> Console | None:
    if settings[CONSOLE] not in {"true", "false"}:
        raise ContainerError(f"{CONSOLE}: write true or false")
    if settings[CONSOLE] == "false":
        return None
    if MODEL_URL not in settings:
        raise ContainerError(f"{MODEL_URL}: not set. The console shows it")
    return read_console(APPLICATION / "console" / "dist", settings[MODEL_URL], edge.identity_providers)
