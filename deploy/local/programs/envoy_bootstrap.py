"""Writes Envoy's bootstrap, and the files of the credentials it refers to."""

import os
from pathlib import Path

from megarouter_envoy import (
    BinaryNotFoundError,
    BootstrapOptions,
    Credential,
    IdentityProvider,
    InvalidBootstrapError,
    ModuleNotBuiltError,
    ProviderTarget,
    ServiceSockets,
    build_bootstrap,
    command,
    find_binary,
    find_module,
    prepare_admin_api,
    validate,
    write_secret_file,
)

from deploy.local.process.children import StartError
from deploy.local.process.private_files import write_private
from deploy.local.programs.envoy import EnvoyFiles
from deploy.local.stack import admin_edge
from deploy.local.stack.layout import Home
from deploy.local.stack.providers import Route

MAX_WORKERS = 4


def envoy_command(bootstrap: Path) -> list[str]:
    """The command line of Envoy.

    Raises:
        StartError: there is no binary.
    """
    try:
        return command(find_binary(), bootstrap, min(MAX_WORKERS, len(os.sched_getaffinity(0))))
    except BinaryNotFoundError as error:
        raise StartError(str(error)) from error


def write_bootstrap(files: EnvoyFiles, otlp_endpoint: str | None) -> None:
    """Writes everything Envoy reads at its start, and has Envoy check it; credentials that are no longer set are removed.

    Raises:
        StartError: Envoy refuses the bootstrap, or there is no binary or no module.
    """
    home, ports = files.home, files.ports
    for old in home.provider_secrets.iterdir():
        old.unlink()
    write_secret_file(home.edge_secret_file, files.edge_secret)
    options = BootstrapOptions(
        model_port=ports.model,
        admin_port=ports.admin,
        envoy_admin_port=ports.envoy_admin,
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
        providers=tuple(_target(home, route) for route in files.routes),
        otlp_endpoint=otlp_endpoint,
        admin_allowed_origins=files.admin_edge.allowed_origins,
        identity_providers=tuple(map(_identity_provider, files.admin_edge.identity_providers)),
        module_path=_module(),
    )
    _write_validated(home.bootstrap_file, build_bootstrap(options))


def _module() -> Path:
    try:
        return find_module()
    except ModuleNotBuiltError as error:
        raise StartError(str(error)) from error


def _write_validated(bootstrap: Path, text: str) -> None:
    """A bootstrap that stands in the file has passed: the same text is not checked again at every restart."""
    if bootstrap.exists() and bootstrap.read_text(encoding="utf-8") == text:
        return
    write_private(bootstrap, text)
    try:
        validate(bootstrap)
    except (BinaryNotFoundError, InvalidBootstrapError) as error:
        bootstrap.unlink()
        raise StartError(f"Envoy refuses its bootstrap: {error}") from error


def _identity_provider(provider: admin_edge.IdentityProvider) -> IdentityProvider:
    return IdentityProvider(
        provider.name,
        provider.issuer,
        tuple(provider.audiences),
        jwks_uri=provider.jwks_uri,
        jwks_file=Path(provider.jwks_file) if provider.jwks_file else None,
        jwks_cache_s=provider.jwks_cache_s,
    )


def _target(home: Home, route: Route) -> ProviderTarget:
    credential = None
    if route.credential is not None and route.credential_header is not None:
        secret_file = home.provider_secrets / route.name
        write_secret_file(secret_file, route.credential)
        credential = Credential(route.credential_header, route.credential_prefix, secret_file)
    return ProviderTarget(route.name, route.host, route.port, route.tls, credential)
