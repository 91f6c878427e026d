"""Writes the files that Envoy reads at startup. Rebuilds its configuration only if something it depends on has changed."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from megarouter_envoy.binary import BinaryNotFoundError, find_binary
from megarouter_envoy.clusters.authorities import AuthoritiesNotFoundError, system_authorities
from megarouter_envoy.clusters.credentials import write_aws_access_key, write_secret_file
from megarouter_envoy.module import ModuleNotBuiltError, find_module

from deploy.local.process.children import StartError
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.programs.envoy.console import planned_console
from deploy.local.programs.envoy.drain_grace import drain_grace_s
from deploy.local.stack.environment import OTLP_ENDPOINT
from deploy.local.stack.layout import Home
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.providers import is_aws
from deploy.local.stack.remembered import source_of
from deploy.local.toolchain.stamps import Stamp, read_stamp, write_stamp

_DEFAULT_OTLP_PORT: Final = 4317
_NO_TOKEN_YET: Final = "no-token-yet"  # noqa: S105 - every provider refuses it


def prepare_files(plan: StackPlan) -> None:
    """Writes everything that Envoy reads at startup, and removes credentials that are no longer set.

    Raises:
        StartError: Envoy refuses the bootstrap, or Envoy's binary or module is missing.
    """
    _write_secrets(plan)
    _write_token_sources(plan)
    give_away(plan.home.envoy)  # token_service already writes there while Envoy's configuration is built
    _write_configuration(plan)
    for folder in (
        plan.home.envoy,
        plan.home.journal_file.parent,
    ):  # Envoy opened the journal to validate its configuration
        give_away(folder)


def _write_configuration(plan: StackPlan) -> None:
    home = plan.home
    source = _source(plan)
    stamp = read_stamp(home.bootstrap_stamp_file)
    written = [home.bootstrap_file, home.admin_json_types_file]
    if plan.listeners.is_tls:
        written.append(home.tls_secrets_file)
    if plan.listeners.client_authorities_file is not None:
        written.append(home.tls_client_secrets_file)
    if stamp is not None and stamp.covers(source, frozenset()) and all(file.exists() for file in written):
        return
    # Imported here, because Envoy's typed configuration takes a second to load.
    from deploy.local.programs.envoy.bootstrap import write_bootstrap  # noqa: PLC0415

    write_bootstrap(plan, otlp_address(plan.environment), drain_grace_s(plan.environment))
    write_stamp(home.bootstrap_stamp_file, Stamp(source, frozenset()))


def otlp_address(environment: Mapping[str, str]) -> str | None:
    """Returns `host:port` of the collector from the URL in OTEL_EXPORTER_OTLP_ENDPOINT, or None if that is not set."""
    url = environment.get(OTLP_ENDPOINT)
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.hostname}:{parts.port or _DEFAULT_OTLP_PORT}"


def _write_secrets(plan: StackPlan) -> None:
    wants_token = {route.name for route in plan.routes if route.wants_token}
    _remove_others(plan.home.provider_secrets, wants_token)  # a token outlives a restart
    _remove_others(plan.home.token_credentials, set())
    write_secret_file(plan.home.edge_secret_file, plan.secrets.edge_secret)
    for route in plan.routes:
        if route.credential is None or route.has_aws_environment:
            continue
        if route.wants_token:
            _write_token_files(plan.home, route.name, route.credential)
            continue
        write = write_aws_access_key if is_aws(route.authentication) else write_secret_file
        write(plan.home.provider_secrets / route.name, route.credential)


def _write_token_sources(plan: StackPlan) -> None:
    home = plan.home
    sources = [
        {
            "target": route.name,
            "authentication": route.authentication,
            "credential_file": str(home.token_credentials / route.name),
            "token_file": str(home.provider_secrets / route.name),
        }
        for route in plan.routes
        if route.wants_token
    ]
    write_private(home.token_sources_file, json.dumps(sources, indent=2) + "\n")


def _remove_others(folder: Path, kept: Collection[str]) -> None:
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()


def _write_token_files(home: Home, name: str, credential: str) -> None:
    """Writes what token_service needs for a token, and what Envoy finds before the first one."""
    write_secret_file(home.token_credentials / name, credential)
    if not (home.provider_secrets / name).exists():
        write_secret_file(home.provider_secrets / name, _NO_TOKEN_YET)


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
