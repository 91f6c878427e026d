"""`AsyncMegaRouter`: the admin API client for asyncio."""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.message import Message
from megarouter.admin.v1.services import AsyncServices

from megarouter_admin.channels import target_of, trusted
from megarouter_admin.errors import error_from
from megarouter_admin.policy import CallPolicy, with_request_id


class AsyncMegaRouter(AsyncServices):
    """The same as `MegaRouter`, for asyncio: await every call.

    A failed call raises `MegaRouterError`.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        policy: CallPolicy | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Creates a client, which connects on its first call. Takes and raises the same as `MegaRouter`."""
        target, is_encrypted = target_of(address)
        calls: list[Any] = [_Calls(token, policy or CallPolicy())]  # no class can satisfy gRPC's published type
        self._channel = (
            grpc.aio.secure_channel(target, credentials or trusted(), interceptors=calls)
            if is_encrypted
            else grpc.aio.insecure_channel(target, interceptors=calls)
        )
        super().__init__(self._channel)

    @classmethod
    def from_environment(cls) -> Self:
        """Creates a client from the environment variables MEGAROUTER_ADMIN_URL and MEGAROUTER_ADMIN_TOKEN.

        Raises:
            KeyError: one of the variables is not set.
            ValueError: MEGAROUTER_ADMIN_URL is malformed.
        """
        return cls(os.environ["MEGAROUTER_ADMIN_URL"], os.environ["MEGAROUTER_ADMIN_TOKEN"])

    async def close(self) -> None:
        """Closes the connection and cancels calls under way."""
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Calls(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg] # generic for type checkers only
    def __init__(self, token: str, policy: CallPolicy) -> None:
        self._token = token
        self._policy = policy

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Message], Awaitable[Awaitable[Message]]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Message,
    ) -> Message:
        request = with_request_id(request)
        timeout_s = self._policy.timeout_s if client_call_details.timeout is None else client_call_details.timeout
        deadline = time.monotonic() + timeout_s
        attempt = 0
        while True:
            attempt += 1
            remaining_s = max(deadline - time.monotonic(), 0.0)
            try:
                call = await continuation(_authorized(client_call_details, self._token, remaining_s), request)
                return await call
            except grpc.aio.AioRpcError as failure:
                trailers: Any = failure.trailing_metadata()  # gRPC's published type does not say that these are pairs
                error = error_from(failure.code(), failure.details(), tuple(trailers))
                pause_s = self._policy.pause_before_retry_s(error, attempt, deadline - time.monotonic(), random.random)
                if pause_s is None:
                    raise error from failure
            await asyncio.sleep(pause_s)


def _authorized(details: grpc.aio.ClientCallDetails, token: str, timeout_s: float) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()), ("authorization", f"Bearer {token}"))
    return grpc.aio.ClientCallDetails(details.method, timeout_s, metadata, details.credentials, details.wait_for_ready)
