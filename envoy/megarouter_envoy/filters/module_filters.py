"""MegaRouter's own filters, which form one dynamic module: see `envoy/module`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.listener import v3 as listeners
from envoy_data_plane.envoy.extensions.bootstrap.dynamic_modules import v3 as bootstrap_extension
from envoy_data_plane.envoy.extensions.filters.network.dynamic_modules import v3 as network_filter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.google.protobuf import StringValue

from megarouter_envoy.options import UnfinishedBodies
from megarouter_envoy.typed_config import code_of, extension, module_http_filter, pack


def request_facts(
    module: Path, cluster: str, timeout_s: float, headers: Mapping[str, str], unfinished: UnfinishedBodies
) -> hcm.HttpFilter:
    """Returns the filter that lets only bodies of known keys pass, and copies the facts for authz_service from them.

    Args:
        module: the dynamic module.
        cluster: that of authz_service, which knows the keys.
        timeout_s: how long it may take to answer.
        headers: headers of the question, which Envoy's router reads.
        unfinished: what it keeps of bodies that have not arrived whole.
    """
    question = _question(cluster, timeout_s, headers)
    bounds = f"bodies_max {unfinished.of_key} {unfinished.of_organization} {unfinished.total}"
    return _filter(module, "request_facts", StringValue(f"{question.value}\n{bounds}"))


def admin_door(module: Path, cluster: str, timeout_s: float, calls_max: int, caller_calls_max: int) -> hcm.HttpFilter:
    """Returns the filter that lets only bodies of known callers of the admin API pass, and a bounded number of calls at a time.

    Args:
        module: the dynamic module.
        cluster: that of admin_service.
        timeout_s: how long it may take to answer.
        calls_max: how many calls may run at a time.
        caller_calls_max: how many of them with one access token.
    """
    question = _question(cluster, timeout_s)
    bounds = f"calls_max {calls_max}\ncaller_calls_max {caller_calls_max}"
    return _filter(module, "admin_door", StringValue(f"{question.value}\n{bounds}"))


def strangers(module: Path, listener: str, per_address: int, total: int) -> listeners.Filter:
    """Returns the network filter that bounds the connections without a known credential.

    Args:
        module: the dynamic module.
        listener: the listener's name.
        per_address: how many of one address each worker keeps open.
        total: how many of all addresses each worker keeps open.
    """
    config = network_filter.DynamicModuleNetworkFilter(
        dynamic_module_config=code_of(module),
        filter_name="strangers",
        filter_config=pack(StringValue(f"{listener} {per_address} {total}")),
    )
    return listeners.Filter(name="megarouter.strangers", typed_config=pack(config))


def ending(module: Path, limit_s: int, admin_cluster: str, admin_socket: Path) -> core.TypedExtensionConfig:
    """Returns the extension that drains Envoy on SIGTERM, before it exits.

    Args:
        module: the dynamic module.
        limit_s: when Envoy ends at the latest.
        admin_cluster: the cluster with Envoy's own admin page, which closes the listeners.
        admin_socket: where that page is. A successor listens at the same path.
    """
    config = bootstrap_extension.DynamicModuleBootstrapExtension(
        dynamic_module_config=code_of(module),
        extension_name="ending",
        extension_config=pack(StringValue(f"{limit_s * 1_000} {admin_cluster} {admin_socket}")),
    )
    return extension("megarouter.ending", config)


def _question(cluster: str, timeout_s: float, headers: Mapping[str, str] | None = None) -> StringValue:
    lines = [f"question_cluster {cluster}", f"question_timeout_ms {timeout_s * 1_000:.0f}"]
    lines += (f"question_header {name} {value}" for name, value in (headers or {}).items())
    return StringValue("\n".join(lines))


def rewriter(
    module: Path,
    secret_files: Iterable[Path],
    secret_folder: Path | None,
    own_keys: Path | None,
    control_prefix: str,
) -> hcm.HttpFilter:
    """Returns the filter that carries out the decision, refuses calls without one, and reads usage from the response.

    Args:
        module: the dynamic module.
        secret_files: files with the providers' credentials, so that no answer can quote them.
        secret_folder: a folder of such files, which come and go; None for none.
        own_keys: the folder with the keys that organizations have themselves; None for none.
        control_prefix: headers that begin with it pass to providers besides those that the contract lists; empty for none.
    """
    lines = [f"secret_file {path}" for path in secret_files]
    if secret_folder is not None:
        lines.append(f"secret_folder {secret_folder}")
    if own_keys is not None:
        lines.append(f"own_key_folder {own_keys}")
    if control_prefix:
        lines.append(f"control_prefix {control_prefix}")
    return _filter(module, "rewriter", StringValue("\n".join(lines)))


def _filter(module: Path, name: str, settings: StringValue) -> hcm.HttpFilter:
    return module_http_filter(module, name, settings)
