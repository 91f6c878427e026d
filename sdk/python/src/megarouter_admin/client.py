"""The client: a channel with the stubs of every service."""

import os
import random
import time
from collections.abc import Callable
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from megarouter.admin.v1.services import Services

from megarouter_admin.channels import target_of
from megarouter_admin.errors import MegaRouterError, error_from
from megarouter_admin.policy import CallPolicy, with_request_id


class MegaRouter(Services):
    """Every service of the admin API, such as `router.api_keys.GetApiKey(request)`.

    A call raises `MegaRouterError` and nothing else when it fails. It may be shared between threads.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        policy: CallPolicy | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """A client that connects with its first call.

        Args:
            address: `https://host[:port]`, or `http://host[:port]` on one's own machine.
            token: an access token.
            policy: deadline and repetitions.
            credentials: of the encrypted connection. Default: the certificate authorities that gRPC trusts.

        Raises:
            ValueError: the address is not one.
        """
        target, is_encrypted = target_of(address)
        self._channel = (
            grpc.secure_channel(target, credentials or grpc.ssl_channel_credentials())
            if is_encrypted
            else grpc.insecure_channel(target)
        )
        super().__init__(grpc.intercept_channel(self._channel, _Calls(token, policy or CallPolicy())))

    @classmethod
    def from_environment(cls) -> Self:
        """A client for MEGAROUTER_ADMIN_URL with MEGAROUTER_ADMIN_TOKEN.

        Raises:
            KeyError: one of them is not set.
        """
        return cls(os.environ["MEGAROUTER_ADMIN_URL"], os.environ["MEGAROUTER_ADMIN_TOKEN"])

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Calls(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg] # generic for type checkers only
    def __init__(self, token: str, policy: CallPolicy) -> None:
        self._token = token
        self._policy = policy

    def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Message], Any],
        client_call_details: grpc.ClientCallDetails,
        request: Message,
    ) -> Any:  # noqa: ANN401 - an outcome is of a private class
        request = with_request_id(request)
        timeout_s = self._policy.timeout_s if client_call_details.timeout is None else client_call_details.timeout
        deadline = time.monotonic() + timeout_s
        attempt = 0
        while True:
            attempt += 1
            remaining_s = max(deadline - time.monotonic(), 0.0)
            outcome = continuation(_authorized(client_call_details, self._token, remaining_s), request)
            failure = outcome.exception()
            if failure is None:
                return outcome
            if not isinstance(failure, grpc.RpcError):
                raise failure
            error = _error_of(failure)
            pause_s = self._policy.pause_before_retry_s(error, attempt, deadline - time.monotonic(), random.random)
            if pause_s is None:
                raise error from failure
            time.sleep(pause_s)


class _Details(grpc.ClientCallDetails):
    """A call as it is sent."""


def _authorized(details: grpc.ClientCallDetails, token: str, timeout_s: float) -> grpc.ClientCallDetails:
    sent = _Details()
    sent.method, sent.timeout = details.method, timeout_s
    sent.metadata = (*(details.metadata or ()), ("authorization", f"Bearer {token}"))
    sent.credentials, sent.wait_for_ready = details.credentials, details.wait_for_ready
    sent.compression = details.compression
    return sent


def _error_of(failure: Any) -> MegaRouterError:  # noqa: ANN401 - RpcError lacks the methods that every one has
    return error_from(failure.code(), failure.details(), failure.trailing_metadata())
