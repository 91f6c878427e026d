"""What discovery serves, as bytes: services know only another copy of Envoy's messages (docs/adr/0006)."""

import base64
import dataclasses
import json
from pathlib import Path
from typing import Final, TypedDict

from envoy_data_plane.envoy.service.runtime import v3 as runtime
from pydantic import TypeAdapter

from gateway_core.model.deployments.live_configuration import source_of, wanted_document
from megarouter_envoy.clusters.definitions import live_clusters
from megarouter_envoy.gateway.live_folder import LiveFolder
from megarouter_envoy.listeners.model_routes import model_routes
from megarouter_envoy.names import LIVE_LAYER, MODEL_ROUTES
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.overload import listener_layer

OPTIONS: Final = TypeAdapter(BootstrapOptions)

CLUSTER_TYPE: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTES_TYPE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
RUNTIME_TYPE: Final = "type.googleapis.com/envoy.service.runtime.v3.Runtime"


class Resource(TypedDict):
    """A resource of Envoy's configuration."""

    name: str
    type_url: str
    value: str
    """The serialized message in Base64."""


def resources(options: BootstrapOptions) -> list[Resource]:
    """Returns the clusters of providers and of calls that may be tried at several, the limits of the listeners, and the routes."""
    layer = runtime.Runtime(name=LIVE_LAYER, layer=listener_layer(options.limits.listeners))
    return [
        *(_resource(cluster.name, CLUSTER_TYPE, bytes(cluster)) for cluster in live_clusters(options)),
        _resource(LIVE_LAYER, RUNTIME_TYPE, bytes(layer)),
        _resource(MODEL_ROUTES, ROUTES_TYPE, bytes(model_routes(options))),
    ]


def _resource(name: str, type_url: str, message: bytes) -> Resource:
    return Resource(name=name, type_url=type_url, value=base64.b64encode(message).decode())


def write_options(options: BootstrapOptions, folder: LiveFolder) -> None:
    """Writes what the rendering needs of the options, and the configuration without anything of the database."""
    plain = dataclasses.replace(options, console=None, report_certificates=())
    for directory in (folder.directory, folder.secrets.credentials, folder.secrets.token_credentials):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = OPTIONS.dump_json(plain, indent=2) + b"\n"
    _replace(folder.options_file, text)
    source = source_of(text, wanted_document((), options.fallbacks, options.limits.listeners))
    first = {"number": 0, "source": source, "refusal": "", "is_confirmed": False, "resources": resources(plain)}
    _replace(folder.last_good_file, json.dumps(first, indent=1).encode() + b"\n")


def _replace(path: Path, text: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(text)
    partial.replace(path)
