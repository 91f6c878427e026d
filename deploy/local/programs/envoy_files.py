"""The files that Envoy reads at its start. Its configuration is built again only when something it depends on changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from megarouter_envoy.binary import BinaryNotFoundError, find_binary
from megarouter_envoy.clusters.authorities import AuthoritiesNotFoundError, system_authorities
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.module import ModuleNotBuiltError, find_module

from deploy.local.process.children import StartError
from deploy.local.stack.admin_edge import AdminEdge
from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.providers import Route
from deploy.local.stack.remembered import source_of
from deploy.local.toolchain.stamps import Stamp, read_stamp, write_stamp


@dataclass(frozen=True, repr=False)
class EnvoyFiles:
    """What the files that Envoy reads are made from."""

    home: Home
    ports: Ports
    routes: Sequence[Route]
    admin_edge: AdminEdge
    edge_secret: str


def prepare_files(files: EnvoyFiles, otlp_endpoint: str | None) -> None:
    """Writes everything Envoy reads at its start; credentials that are no longer set are removed.

    Raises:
        StartError: Envoy refuses the bootstrap, or there is no binary or no module.
    """
    home = files.home
    _write_secrets(files)
    source = _source(files, otlp_endpoint)
    stamp = read_stamp(home.bootstrap_stamp_file)
    written = (home.bootstrap_file, home.admin_json_types_file)
    if stamp is not None and stamp.covers(source, frozenset()) and all(file.exists() for file in written):
        return
    # Imported here: Envoy's typed configuration takes a second to load.
    from deploy.local.programs.envoy_bootstrap import write_bootstrap  # noqa: PLC0415

    write_bootstrap(files, otlp_endpoint)
    write_stamp(home.bootstrap_stamp_file, Stamp(source, frozenset()))


def _write_secrets(files: EnvoyFiles) -> None:
    for old in files.home.provider_secrets.iterdir():
        old.unlink()
    write_secret_file(files.home.edge_secret_file, files.edge_secret)
    for route in files.routes:
        if route.credential is not None:
            write_secret_file(files.home.provider_secrets / route.name, route.credential)


def _source(files: EnvoyFiles, otlp_endpoint: str | None) -> str:
    """A fingerprint of everything the configuration depends on. Secrets have files of their own and are no part of it."""
    try:
        binary, module = find_binary(), find_module()
    except (BinaryNotFoundError, ModuleNotBuiltError) as error:
        raise StartError(str(error)) from error
    try:
        authorities = str(system_authorities())
    except AuthoritiesNotFoundError:
        authorities = "none"
    routes = [(repr(route), route.is_mock) for route in files.routes]
    facts = (
        files.home,
        files.ports,
        routes,
        files.admin_edge,
        otlp_endpoint,
        binary,
        binary.stat().st_mtime_ns,
        module,
    )
    return source_of([], repr(facts), authorities)
