"""Writes Envoy's bootstrap, and the tables that its JSON check uses."""

from pathlib import Path

from megarouter_envoy.binary import BinaryNotFoundError, InvalidBootstrapError, validate
from megarouter_envoy.gateway.configuration import write_configuration
from megarouter_envoy.gateway.plan import GatewayPlan, GatewayPorts
from megarouter_envoy.module import ModuleNotBuiltError, find_module
from megarouter_envoy.options import ServiceSockets

from deploy.local.process.children import StartError
from deploy.local.process.private_files import write_private
from deploy.local.programs.envoy.console import planned_console
from deploy.local.stack.plan import StackPlan


def write_bootstrap(plan: StackPlan, otlp_endpoint: str | None, drain_grace_s: int) -> None:
    """Writes the bootstrap and makes Envoy validate it. The secret files that it names must exist.

    Args:
        plan: the stack.
        otlp_endpoint: `host:port` of the trace collector, or None to disable tracing.
        drain_grace_s: how long calls may go on after SIGTERM.

    Raises:
        StartError: Envoy refuses the bootstrap, or Envoy's binary or module is missing.
    """
    home, ports, files = plan.home, plan.ports, plan.home.envoy_files
    text = write_configuration(
        GatewayPlan(
            folder=files,
            ports=GatewayPorts(ports.model, ports.admin, ports.envoy_metrics),
            envoy_admin_socket=home.envoy_admin_socket,
            sockets=ServiceSockets(
                authz=home.envoy_socket("authz"),
                ratelimit=home.envoy_socket("ratelimit"),
                usage=home.socket("usage"),
                admin=home.socket("admin"),
                authz_workers=ports.workers,
                ratelimit_workers=ports.workers,
            ),
            journal_file=home.journal_file,
            module_path=_module(),
            edge_secret_file=files.edge_secret_file,
            routes=tuple(plan.routes),
            fallbacks=plan.fallbacks,
            discovery_socket=home.socket("discovery"),
            drain_grace_s=drain_grace_s,
            admin_edge=plan.admin_edge,
            listeners=plan.listeners,
            front_proxies=plan.front_proxies,
            model_origins=plan.model_origins,
            console=planned_console(plan),
            otlp_endpoint=otlp_endpoint,
        )
    )
    _write_validated(files.bootstrap_file, text)


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
