"""Short ways to write what Envoy's configuration repeats: typed extensions, durations, addresses, gRPC services."""

from datetime import timedelta
from pathlib import Path

from betterproto2 import Message
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.google.protobuf import Any

GRPC_CONTENT_TYPE = "application/grpc"


def pack(message: Message) -> Any:
    """`message` as the value of a `typed_config` field."""
    return Any.pack(message)


def extension(name: str, message: Message) -> core.TypedExtensionConfig:
    """A named extension with its configuration."""
    return core.TypedExtensionConfig(name=name, typed_config=pack(message))


def http_filter(name: str, message: Message) -> hcm.HttpFilter:
    """One entry of an HTTP filter chain."""
    return hcm.HttpFilter(name=name, typed_config=pack(message))


def seconds(count: float) -> timedelta:
    """A duration of `count` seconds."""
    return timedelta(seconds=count)


def socket_address(host: str, port: int) -> core.Address:
    """A TCP address."""
    return core.Address(socket_address=core.SocketAddress(address=host, port_value=port))


def unix_address(path: Path) -> core.Address:
    """A Unix socket. Linux allows its path 107 bytes; Envoy refuses a longer one when it starts."""
    return core.Address(pipe=core.Pipe(path=str(path)))


def grpc_service(cluster: str, timeout_s: float | None = None) -> core.GrpcService:
    """A gRPC service behind `cluster`; `timeout_s` applies to unary calls."""
    return core.GrpcService(
        envoy_grpc=core.GrpcServiceEnvoyGrpc(cluster_name=cluster, skip_envoy_headers=True),
        timeout=None if timeout_s is None else seconds(timeout_s),
    )


def set_header(name: str, value: str) -> core.HeaderValueOption:
    """Sets a header and replaces what was there."""
    return core.HeaderValueOption(
        header=core.HeaderValue(key=name, value=value),
        append_action=core.HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def content_type_is_grpc() -> route.HeaderMatcher:
    """gRPC, gRPC-Web included."""
    return route.HeaderMatcher(name="content-type", string_match=matcher.StringMatcher(prefix=GRPC_CONTENT_TYPE))
