"""The whole configuration as one deterministic JSON text."""

import json
from pathlib import Path

from betterproto2 import Casing
from envoy_data_plane.envoy.config.bootstrap import v3 as bootstrap
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.binary import drain_limit_s
from megarouter_envoy.clusters.definitions import clusters, secrets
from megarouter_envoy.clusters.discovery import discovered_resources
from megarouter_envoy.filters.module_filters import ending
from megarouter_envoy.listeners.admin_listener import admin_listener
from megarouter_envoy.listeners.metrics_listener import metrics_listener
from megarouter_envoy.listeners.model_listener import model_listener
from megarouter_envoy.listeners.tls import require_tls
from megarouter_envoy.names import ENVOY_ADMIN_CLUSTER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.overload import connections_of_each_listener, overload_manager
from megarouter_envoy.typed_config import unix_address

# Envoy's admin page can stop the process and change its runtime. Allow only reads, the drain before an orderly stop,
# and reopening the journal after it was set aside. A Unix socket keeps other users and every web page away from it.
ADMIN_READS = ("/ready", "/server_info", "/stats", "/clusters", "/listeners", "/config_dump")
ADMIN_PATHS = (*ADMIN_READS, "/drain_listeners", "/reopen_logs")
ADMIN_SOCKET_MODE = 0o600
_MISSPELLED = {"enforcing_consecutive_5_xx": "enforcing_consecutive_5xx"}
"""Fields whose names betterproto2 changes when it writes them, and their names in Envoy."""


def build_bootstrap(options: BootstrapOptions) -> str:
    """Returns Envoy's configuration as JSON. The same options give the same bytes.

    Raises:
        PlainHttpRefusedError: the public listeners would serve plain HTTP to other machines.
    """
    require_tls(options)
    document = _bootstrap(options).to_dict(casing=Casing.SNAKE)
    text = json.dumps(document, indent=2, sort_keys=True)
    for misspelled, name in _MISSPELLED.items():
        text = text.replace(f'"{misspelled}"', f'"{name}"')
    return text + "\n"


def _bootstrap(options: BootstrapOptions) -> bootstrap.Bootstrap:
    return bootstrap.Bootstrap(
        node=core.Node(id="megarouter-envoy", cluster="megarouter"),
        admin=_admin(options.envoy_admin_socket),
        bootstrap_extensions=[
            ending(
                options.module_path,
                drain_limit_s(options.limits.drain_grace_s),
                ENVOY_ADMIN_CLUSTER,
                options.envoy_admin_socket,
            )
        ],
        overload_manager=overload_manager(options.limits),
        layered_runtime=connections_of_each_listener(options.limits.listeners, is_live=options.discovery is not None),
        static_resources=bootstrap.BootstrapStaticResources(
            listeners=[model_listener(options), admin_listener(options), metrics_listener(options)],
            clusters=clusters(options),
            secrets=secrets(options),
        ),
        dynamic_resources=None if options.discovery is None else discovered_resources(),
    )


def _admin(socket: Path) -> bootstrap.Admin:
    return bootstrap.Admin(
        address=unix_address(socket, ADMIN_SOCKET_MODE),
        ignore_global_conn_limit=True,
        allow_paths=[_path_and_below(path) for path in ADMIN_PATHS],
    )


def _path_and_below(path: str) -> matcher.StringMatcher:
    return matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=f"{path}([/?].*)?"))
