"""Shorthand for what Envoy's configuration repeats: typed extensions, durations, addresses and gRPC services."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from betterproto2 import Message
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.dynamic_modules import v3 as dynamic_modules
from envoy_data_plane.envoy.extensions.filters.http.dynamic_modules import v3 as module_filter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.google.protobuf import Any, StringValue

GRPC_CONTENT_TYPE = "application/grpc"


def pack(message: Message) -> Any:
    """Returns `message` as the value of a `typed_config` field."""
    return Any.pack(message)


def extension(name: str, message: Message) -> core.TypedExtensionConfig:
    """Returns a named extension with its configuration."""
    return core.TypedExtensionConfig(name=name, typed_config=pack(message))


def code_of(module: Path) -> dynamic_modules.DynamicModuleConfig:
    """Returns MegaRouter's dynamic module. Configurations come and go with listeners, but the code must stay loaded for their
    last calls.
    """
    source = core.AsyncDataSource(local=core.DataSource(filename=str(module)))
    return dynamic_modules.DynamicModuleConfig(module=source, do_not_close=True)


def module_http_filter(module: Path, name: str, settings: StringValue) -> hcm.HttpFilter:
    """Returns one of the module's HTTP filters with its settings."""
    config = module_filter.DynamicModuleFilter(
        dynamic_module_config=code_of(module), filter_name=name, filter_config=pack(settings)
    )
    return http_filter(f"megarouter.{name}", config)


def http_filter(name: str, message: Message) -> hcm.HttpFilter:
    """Returns one entry of an HTTP filter chain."""
    return hcm.HttpFilter(name=name, typed_config=pack(message))


def seconds(count: float) -> timedelta:
    """Returns a duration of `count` seconds."""
    return timedelta(seconds=count)


def socket_address(host: str, port: int) -> core.Address:
    """Returns a TCP address."""
    return core.Address(socket_address=core.SocketAddress(address=host, port_value=port))


def unix_address(path: Path, mode: int = 0) -> core.Address:
    """Returns a Unix socket address. Linux limits its path to 107 bytes; Envoy refuses a longer one at its start.

    Args:
        path: of the socket.
        mode: of the file, if Envoy listens there.
    """
    return core.Address(pipe=core.Pipe(path=str(path), mode=mode))


def grpc_service(
    cluster: str, timeout_s: float | None = None, headers: Mapping[str, str] | None = None
) -> core.GrpcService:
    """Returns a gRPC service behind `cluster`.

    Args:
        cluster: the name of the cluster.
        timeout_s: applies to unary calls, and includes their retries.
        headers: sent with every call.
    """
    return core.GrpcService(
        envoy_grpc=core.GrpcServiceEnvoyGrpc(cluster_name=cluster, skip_envoy_headers=True),
        timeout=None if timeout_s is None else seconds(timeout_s),
        initial_metadata=[core.HeaderValue(key=name, value=value) for name, value in (headers or {}).items()],
    )


def set_header(name: str, value: str) -> core.HeaderValueOption:
    """Returns an option that sets a header and replaces an existing one."""
    return core.HeaderValueOption(
        header=core.HeaderValue(key=name, value=value),
        append_action=core.HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def content_type_is_grpc() -> route.HeaderMatcher:
    """Matches gRPC, including gRPC-Web."""
    return route.HeaderMatcher(name="content-type", string_match=matcher.StringMatcher(prefix=GRPC_CONTENT_TYPE))
