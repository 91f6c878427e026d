"""Writes Envoy's bootstrap, and the tables that its JSON check uses."""

from pathlib import Path

from megarouter_envoy.binary import BinaryNotFoundError, InvalidBootstrapError, validate
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.secret_sources import write_secret_sources
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.listeners.tls import write_secrets
from megarouter_envoy.module import ModuleNotBuiltError, find_module
from megarouter_envoy.options import (
    AwsAccessKey,
    BootstrapOptions,
    Credential,
    Limits,
    ListenerTls,
    ProviderTarget,
    ServiceSockets,
)

from deploy.local.process.children import StartError
from deploy.local.process.private_files import write_private
from deploy.local.programs.envoy.console import planned_console
from deploy.local.stack.layout import Home
from deploy.local.stack.listeners.public_listeners import PublicListeners
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.providers import Route, is_aws

MOCK_CONTROL_PREFIX = "x-mock-"
"""Begins the names of the headers that control the mock provider."""


def write_bootstrap(plan: StackPlan, otlp_endpoint: str | None, drain_grace_s: int) -> None:
    """Writes the bootstrap and makes Envoy validate it. The secret files that it names must exist.

    Args:
        plan: the stack.
        otlp_endpoint: `host:port` of the trace collector, or None to disable tracing.
        drain_grace_s: how long calls may go on after SIGTERM.

    Raises:
        StartError: Envoy refuses the bootstrap, or Envoy's binary or module is missing.
    """
    home, ports = plan.home, plan.ports
    listener_tls = _listener_tls(home, plan.listeners)
    if listener_tls is not None:
        write_secrets(listener_tls)
    options = BootstrapOptions(
        model_port=ports.model,
        admin_port=ports.admin,
        metrics_port=ports.envoy_metrics,
        envoy_admin_socket=home.envoy_admin_socket,
        sockets=ServiceSockets(
            authz=home.envoy_socket("authz"),
            ratelimit=home.envoy_socket("ratelimit"),
            usage=home.socket("usage"),
            admin=home.socket("admin"),
            authz_workers=ports.workers,
            ratelimit_workers=ports.workers,
        ),
        journal_path=home.journal_file,
        admin_api=prepare_admin_api(home.admin_json_types_file),
        edge_secret_file=home.edge_secret_file,
        secret_sources_folder=home.secret_sources,
        providers=tuple(_target(home, route) for route in plan.routes),
        fallbacks=plan.fallbacks,
        otlp_endpoint=otlp_endpoint,
        admin_allowed_origins=plan.admin_edge.allowed_origins,
        model_allowed_origins=plan.model_origins,
        listen_address=plan.listeners.address,
        tls=listener_tls,
        allow_plain_http=plan.listeners.allow_plain_http,
        front_proxies=plan.front_proxies,
        identity_providers=plan.admin_edge.identity_providers,
        console=planned_console(plan),
        control_prefix=MOCK_CONTROL_PREFIX if any(route.is_mock for route in plan.routes) else "",
        limits=Limits(drain_grace_s=drain_grace_s),
        module_path=_module(),
    )
    write_secret_sources(options)
    _write_validated(home.bootstrap_file, build_bootstrap(options))


def _listener_tls(home: Home, listeners: PublicListeners) -> ListenerTls | None:
    if listeners.certificate_file is None or listeners.key_file is None:
        return None
    return ListenerTls(
        certificate_file=listeners.certificate_file,
        key_file=listeners.key_file,
        secrets_file=home.tls_secrets_file,
        client_secrets_file=home.tls_client_secrets_file,
        client_authorities_file=listeners.client_authorities_file,
    )


def _module() -> Path:
    try:
        return find_module()
    except ModuleNotBuiltError as error:
        raise StartError(str(error)) from error


def _write_validated(bootstrap: Path, text: str) -> None:
    """Writes and validates the text. Skips both if the file already has this text, because only valid text stays there."""
    if bootstrap.exists() and bootstrap.read_text(encoding="utf-8") == text:
        return
    write_private(bootstrap, text)
    try:
        validate(bootstrap)
    except (BinaryNotFoundError, InvalidBootstrapError) as error:
        bootstrap.unlink()
        raise StartError(f"Envoy refuses its bootstrap: {error}") from error


def _target(home: Home, route: Route) -> ProviderTarget:
    credential: Credential | AwsAccessKey | None = None
    secret_file = home.provider_secrets / route.name
    if route.authentication is not None and is_aws(route.authentication) and not route.is_mock:
        found = None if route.has_aws_environment else secret_file
        credential = AwsAccessKey(route.authentication["region"], route.authentication["service"], found)
    elif route.credential is not None and route.credential_header is not None:
        credential = Credential(route.credential_header, route.credential_prefix, secret_file)
    return ProviderTarget(route.name, route.host, route.port, route.tls, credential)
