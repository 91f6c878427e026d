"""An Envoy with small budgets, in front of services that know every credential."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from megarouter_envoy.binary import command, find_binary
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.options import Limits

from authz_service.request.envoy_messages import deny, key_is_known
from gateway_core.contract.doors import ADMIN_QUESTION, KEY_QUESTION
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect
from gateway_core.runtime.health import health_method
from gateway_core.runtime.unary import generic_handler
from tests.support.envoys.lone_envoy import until_ready
from tests.support.ports import free_port
from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

DECIDED = RefusalReason.CREDIT_EXHAUSTED
"""What authz_service decides about every call whose body has arrived whole."""


@dataclass
class SlowAdmin(grpc.GenericRpcHandler):  # type: ignore[type-arg] # of bytes
    """Stands for admin_service: knows every token, and answers no call until it is released."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    calls: int = 0
    answers: list[grpc.StatusCode] = field(default_factory=list)
    """The errors of the next calls."""
    questions: int = 0
    replies: list[grpc.StatusCode] = field(default_factory=list)
    """The errors of the next questions."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        is_question = handler_call_details.method == ADMIN_QUESTION
        return grpc.unary_unary_rpc_method_handler(self._know if is_question else self._work)

    async def _know(self, _request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        self.questions += 1
        if self.replies:
            await context.abort(self.replies.pop(0), "")
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no name")

    async def _work(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        self.calls += 1
        if self.answers:
            await context.abort(self.answers.pop(0), "")
        self.under_way += 1
        await self.released.wait()
        self.under_way -= 1
        return request


class AnyKey(grpc.GenericRpcHandler):  # type: ignore[type-arg] # of bytes
    """Stands for authz_service: knows every key, as one of the organization that its name begins with (`acme.1`)."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        is_question = handler_call_details.method == KEY_QUESTION
        return grpc.unary_unary_rpc_method_handler(self._know if is_question else self._decide)

    async def _know(self, request: bytes, _context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        asked = external_auth_pb2.CheckRequest.FromString(request).attributes.request.http
        (key,) = [one.raw_value.decode() for one in asked.header_map.headers if one.key == "x-api-key"]
        return key_is_known(key.partition(".")[0])

    async def _decide(self, _request: bytes, _context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        return deny(Refusal(DECIDED, "decided"), Dialect.OPENAI)


@dataclass(frozen=True)
class SmallEnvoy:
    model: int
    admin: int
    admin_service: SlowAdmin


@asynccontextmanager
async def running_small_envoy(folder: Path, limits: Limits, workers: int = 1) -> AsyncIterator[SmallEnvoy]:
    """Runs it with files in an empty folder."""
    (folder / "secrets").mkdir()
    write_secret_file(folder / "secrets" / "edge", "edge")
    bootstrap = replace(
        options(folder),
        model_port=free_port(),
        admin_port=free_port(),
        metrics_port=free_port(),
        providers=(),
        identity_providers=(),
        otlp_endpoint=None,
        admin_api=prepare_admin_api(folder / "admin_json_types.lua"),
        limits=limits,
    )
    path = folder / "bootstrap.json"
    path.write_text(build_bootstrap(bootstrap))
    async with AsyncExitStack() as running:
        admin = SlowAdmin()
        for socket, service in ((bootstrap.sockets.admin, admin), (bootstrap.sockets.authz, AnyKey())):
            server = grpc.aio.server()
            server.add_generic_rpc_handlers((generic_handler([health_method(lambda: True)]), service))
            server.add_insecure_port(f"unix:{socket}")
            await server.start()
            running.push_async_callback(server.stop, None)
        process = await asyncio.create_subprocess_exec(*command(find_binary(), path, workers=workers))
        running.push_async_callback(process.wait)
        running.callback(process.kill)
        await until_ready(f"http://127.0.0.1:{bootstrap.metrics_port}/ready")
        yield SmallEnvoy(bootstrap.model_port, bootstrap.admin_port, admin)
