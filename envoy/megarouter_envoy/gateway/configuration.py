"""Makes Envoy's bootstrap of a plan, with the files beside it that name no secret."""

from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.secret_sources import write_secret_sources
from megarouter_envoy.filters.admin_api import DESCRIPTOR_FILE, prepare_admin_api
from megarouter_envoy.gateway.folder import EnvoyFolder
from megarouter_envoy.gateway.live_folder import LiveFolder
from megarouter_envoy.gateway.live_resources import write_options
from megarouter_envoy.gateway.plan import GatewayPlan
from megarouter_envoy.listeners.tls import write_secrets
from megarouter_envoy.options import (
    ADMIN_JSON_PATH,
    AwsAccessKey,
    BootstrapOptions,
    Credential,
    Discovery,
    Limits,
    ListenerTls,
    ProviderTarget,
)
from megarouter_envoy.settings.providers import Route, is_aws
from megarouter_envoy.settings.public_listeners import PublicListeners

MOCK_CONTROL_PREFIX = "x-mock-"
"""Begins the names of the headers that control the mock provider."""


def write_configuration(plan: GatewayPlan) -> str:
    """Writes what the bootstrap names, except secrets, and returns the bootstrap.

    Raises:
        PlainHttpRefusedError: the public listeners would serve plain HTTP to other machines.
        OSError: a file cannot be written.
    """
    options = _options(plan)
    if options.tls is not None:
        write_secrets(options.tls)
    write_secret_sources(options)
    if options.discovery is not None:
        write_options(options, LiveFolder(options.discovery.folder))
    return build_bootstrap(options)


def _options(plan: GatewayPlan) -> BootstrapOptions:
    folder = plan.folder
    return BootstrapOptions(
        model_port=plan.ports.model,
        admin_port=plan.ports.admin,
        metrics_port=plan.ports.metrics,
        envoy_admin_socket=plan.envoy_admin_socket,
        sockets=plan.sockets,
        journal_path=plan.journal_file,
        admin_api=prepare_admin_api(folder.admin_json_types_file, plan.descriptor_file or DESCRIPTOR_FILE),
        edge_secret_file=plan.edge_secret_file,
        secret_sources_folder=folder.secret_sources,
        providers=tuple(target_of(folder, route) for route in plan.routes),
        fallbacks=plan.fallbacks,
        discovery=None if plan.discovery_socket is None else Discovery(plan.discovery_socket, folder.live),
        otlp_endpoint=plan.otlp_endpoint,
        admin_allowed_origins=plan.admin_edge.allowed_origins,
        model_allowed_origins=plan.model_origins,
        listen_address=plan.listeners.address,
        tls=_listener_tls(folder, plan.listeners),
        allow_plain_http=plan.listeners.allow_plain_http,
        metrics_address=plan.metrics.address,
        metrics_hosts=plan.metrics.hosts,
        front_proxies=plan.front_proxies,
        identity_providers=plan.admin_edge.identity_providers,
        console=plan.console,
        report_certificates=plan.admin_edge.report_certificates,
        control_prefix=MOCK_CONTROL_PREFIX if any(route.is_mock for route in plan.routes) else "",
        limits=Limits(drain_grace_s=plan.drain_grace_s),
        module_path=plan.module_path,
        admin_json_path=plan.admin_json_file or ADMIN_JSON_PATH,
    )


def _listener_tls(folder: EnvoyFolder, listeners: PublicListeners) -> ListenerTls | None:
    if listeners.certificate_file is None or listeners.key_file is None:
        return None
    return ListenerTls(
        certificate_file=listeners.certificate_file,
        key_file=listeners.key_file,
        secrets_file=folder.tls_secrets_file,
        client_secrets_file=folder.tls_client_secrets_file,
        client_authorities_file=listeners.client_authorities_file,
    )


def target_of(folder: EnvoyFolder, route: Route) -> ProviderTarget:
    """Returns the target of a route. Its credential is in the folder, unless the route names another file."""
    credential: Credential | AwsAccessKey | None = None
    secret_file = route.credential_file or folder.credentials / route.name
    if route.authentication is not None and is_aws(route.authentication) and not route.is_mock:
        found = None if route.has_aws_environment else secret_file
        credential = AwsAccessKey(route.authentication["region"], route.authentication["service"], found)
    elif route.credential is not None and route.credential_header is not None:
        credential = Credential(route.credential_header, route.credential_prefix, secret_file)
    return ProviderTarget(route.name, route.host, route.port, route.tls, credential)
