"""Writes the files that Envoy reads at startup. Rebuilds its configuration only if something it depends on has changed."""

from megarouter_envoy.binary import BinaryNotFoundError, find_binary
from megarouter_envoy.clusters.authorities import AuthoritiesNotFoundError, system_authorities
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.gateway.secret_files import token_sources, write_credentials
from megarouter_envoy.module import ModuleNotBuiltError, find_module
from megarouter_envoy.settings.drain_grace import drain_grace_s
from megarouter_envoy.settings.otlp import otlp_address

from deploy.local.process.children import StartError
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.programs.envoy.console import planned_console
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.remembered import source_of
from deploy.local.toolchain.stamps import Stamp, read_stamp, write_stamp


def prepare_files(plan: StackPlan) -> None:
    """Writes everything that Envoy reads at startup, and removes credentials that are no longer set.

    Raises:
        StartError: Envoy refuses the bootstrap, or Envoy's binary or module is missing.
    """
    _write_secrets(plan)
    give_away(plan.home.envoy)  # token_service already writes there while Envoy's configuration is built
    _write_configuration(plan)
    for folder in (
        plan.home.envoy,
        plan.home.journal_file.parent,
    ):  # Envoy opened the journal to validate its configuration
        give_away(folder)


def _write_configuration(plan: StackPlan) -> None:
    home, files = plan.home, plan.home.envoy_files
    source = _source(plan)
    stamp = read_stamp(home.bootstrap_stamp_file)
    written = [files.bootstrap_file, files.admin_json_types_file]
    if plan.listeners.is_tls:
        written.append(files.tls_secrets_file)
    if plan.listeners.client_authorities_file is not None:
        written.append(files.tls_client_secrets_file)
    if stamp is not None and stamp.covers(source, frozenset()) and all(file.exists() for file in written):
        return
    # Imported here, because Envoy's typed configuration takes a second to load.
    from deploy.local.programs.envoy.bootstrap import write_bootstrap  # noqa: PLC0415

    write_bootstrap(plan, otlp_address(plan.environment), drain_grace_s(plan.environment))
    write_stamp(home.bootstrap_stamp_file, Stamp(source, frozenset()))


def _write_secrets(plan: StackPlan) -> None:
    files = plan.home.envoy_files
    write_secret_file(files.edge_secret_file, plan.secrets.edge_secret)
    write_credentials(files, plan.routes)
    write_private(files.token_sources_file, token_sources(files, plan.routes))


def _source(plan: StackPlan) -> str:
    """Returns a fingerprint of everything the configuration depends on. It excludes secrets, which have their own files."""
    try:
        binary, module = find_binary(), find_module()
    except (BinaryNotFoundError, ModuleNotBuiltError) as error:
        raise StartError(str(error)) from error
    try:
        authorities = str(system_authorities())
    except AuthoritiesNotFoundError:
        authorities = "none"
    routes = [(repr(route), route.is_mock) for route in plan.routes]
    facts = (
        plan.home,
        plan.ports,
        routes,
        plan.fallbacks,
        plan.admin_edge,
        plan.model_origins,
        plan.listeners,
        plan.front_proxies,
        planned_console(plan),
        otlp_address(plan.environment),
        drain_grace_s(plan.environment),
        binary,
        binary.stat().st_mtime_ns,
        module,
    )
    return source_of([], repr(facts), authorities)
