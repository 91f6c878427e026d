"""The gRPC health check as a unary method, for Envoy, which asks every replica twice a second whether to send it calls."""

from collections.abc import Callable
from typing import Final

from gateway_core.runtime.protobuf_wire import number_field
from gateway_core.runtime.unary import Metadata, UnaryMethod

HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
_STATUS_FIELD: Final = 1
_SERVING: Final = number_field(_STATUS_FIELD, 1)
_NOT_SERVING: Final = number_field(_STATUS_FIELD, 2)


def health_method(is_ready: Callable[[], bool]) -> UnaryMethod:
    """Returns `Health/Check` of `grpc.health.v1`. It reports the same status for every service name."""

    async def check(_request: bytes, _metadata: Metadata) -> bytes:
        return _SERVING if is_ready() else _NOT_SERVING

    return UnaryMethod(HEALTH_CHECK, check)
