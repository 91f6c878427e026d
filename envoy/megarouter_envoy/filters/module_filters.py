"""MegaRouter's own filters, which form one dynamic module: see `envoy/module`."""

from collections.abc import Iterable
from pathlib import Path

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.dynamic_modules import v3 as dynamic_modules
from envoy_data_plane.envoy.extensions.filters.http.dynamic_modules import v3 as module_filter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.google.protobuf import StringValue

from megarouter_envoy.typed_config import http_filter, pack


def request_facts(module: Path) -> hcm.HttpFilter:
    """Returns the filter that copies the facts for authz_service from the request body."""
    return _filter(module, "request_facts")


def rewriter(module: Path, secret_files: Iterable[Path], control_prefix: str) -> hcm.HttpFilter:
    """Returns the filter that carries out the decision, refuses calls without one, and reads usage from the response.

    Args:
        module: the dynamic module.
        secret_files: files with the providers' credentials, so that no answer can quote them.
        control_prefix: headers that begin with it pass to providers besides those that the contract lists; empty for none.
    """
    lines = [f"secret_file {path}" for path in secret_files]
    if control_prefix:
        lines.append(f"control_prefix {control_prefix}")
    return _filter(module, "rewriter", StringValue("\n".join(lines)))


def _filter(module: Path, name: str, settings: StringValue | None = None) -> hcm.HttpFilter:
    source = core.AsyncDataSource(local=core.DataSource(filename=str(module)))
    config = module_filter.DynamicModuleFilter(
        # Configurations come and go with listeners, but the code must stay loaded for their last calls.
        dynamic_module_config=dynamic_modules.DynamicModuleConfig(module=source, do_not_close=True),
        filter_name=name,
        filter_config=None if settings is None else pack(settings),
    )
    return http_filter(f"megarouter.{name}", config)
