"""Everything that the configuration of one Envoy is made from."""

from dataclasses import dataclass, field
from pathlib import Path

from megarouter_envoy.gateway.folder import EnvoyFolder
from megarouter_envoy.options import Console, FrontProxies, ServiceSockets
from megarouter_envoy.settings.admin_edge import AdminEdge
from megarouter_envoy.settings.providers import Route
from megarouter_envoy.settings.public_listeners import PublicListeners
from megarouter_envoy.settings.variables import HOST


@dataclass(frozen=True)
class GatewayPorts:
    """The ports of one Envoy."""

    model: int
    admin: int
    metrics: int


@dataclass(frozen=True)
class MetricsDoor:
    """Who may read metrics and readiness: on which address, and under which host names. `*` is every name."""

    address: str = HOST
    hosts: tuple[str, ...] = (HOST, "localhost")


@dataclass(frozen=True, repr=False)
class GatewayPlan:
    """Where one Envoy listens, whom it asks, where it sends calls, and where its files are."""

    folder: EnvoyFolder
    ports: GatewayPorts
    envoy_admin_socket: Path
    sockets: ServiceSockets
    journal_file: Path
    module_path: Path
    edge_secret_file: Path
    routes: tuple[Route, ...]
    fallbacks: tuple[tuple[str, ...], ...]  # orders in which the targets of one call may be tried
    discovery_socket: Path | None  # of admin_service; None: providers never change while Envoy runs
    drain_grace_s: int
    admin_edge: AdminEdge = field(default_factory=AdminEdge)
    listeners: PublicListeners = field(default_factory=PublicListeners)
    front_proxies: FrontProxies = field(default_factory=FrontProxies)
    metrics: MetricsDoor = field(default_factory=MetricsDoor)
    model_origins: tuple[str, ...] = ()  # of browsers that may call models
    console: Console | None = None
    otlp_endpoint: str | None = None  # `host:port`
    descriptor_file: Path | None = None  # of the admin API; None: where the generated code is
    admin_json_file: Path | None = None  # the script that checks JSON; None: where the sources are
