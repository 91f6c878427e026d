"""Our own filters, which are one dynamic module: see `envoy/module`."""

from pathlib import Path

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.dynamic_modules import v3 as dynamic_modules
from envoy_data_plane.envoy.extensions.filters.http.dynamic_modules import v3 as module_filter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.typed_config import http_filter


def request_facts(module: Path) -> hcm.HttpFilter:
    """Copies what authz_service decides by out of the request body."""
    return _filter(module, "request_facts")


def rewriter(module: Path) -> hcm.HttpFilter:
    """Makes what was decided, refuses what was not, and reads usage out of the answer."""
    return _filter(module, "rewriter")


def _filter(module: Path, name: str) -> hcm.HttpFilter:
    source = core.AsyncDataSource(local=core.DataSource(filename=str(module)))
    config = module_filter.DynamicModuleFilter(
        # Configurations come and go with listeners; the code that their last calls run in stays.
        dynamic_module_config=dynamic_modules.DynamicModuleConfig(module=source, do_not_close=True),
        filter_name=name,
    )
    return http_filter(f"megarouter.{name}", config)
