"""`MegaRouter`: a gRPC channel with the stubs of every service."""

import os
import random
import time
from collections.abc import Callable
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from megarouter.admin.v1.services import Services

from megarouter_admin.channels import target_of, trusted
from megarouter_admin.errors import MegaRouterError, error_from
from megarouter_admin.policy import CallPolicy, with_request_id


class MegaRouter(Services):
    """Every service of the admin API, such as `router.api_keys.GetApiKey(request)`.

    A failed call raises `MegaRouterError` and nothing else. Threads may share a client.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        policy: CallPolicy | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Creates a client, which connects on its first call.

        Args:
            address: `https://host[:port]`, or `http://host[:port]`, which sends the token unencrypted; use it only on one machine.
            token: an access token.
            policy: deadline and retries of every call.
            credentials: TLS credentials. Default: trust the certificate authorities in the file MEGAROUTER_CA_FILE or, if this
                variable is not set, those that gRPC trusts.

        Raises:
            ValueError: the address is malformed, or the file of MEGAROUTER_CA_FILE cannot be read.
        """
        target, is_encrypted = target_of(address)
        self._channel = (
            grpc.secure_channel(target, credentials or trusted()) if is_encrypted else grpc.insecure_channel(target)
        )
        super().__init__(grpc.intercept_channel(self._channel, _Calls(token, policy or CallPolicy())))

    @classmethod
    def from_environment(cls) -> Self:
        """Creates a client from the environment variables MEGAROUTER_ADMIN_URL and MEGAROUTER_ADMIN_TOKEN.

        Raises:
            KeyError: one of the variables is not set.
            ValueError: MEGAROUTER_ADMIN_URL is malformed.
        """
        return cls(os.environ["MEGAROUTER_ADMIN_URL"], os.environ["MEGAROUTER_ADMIN_TOKEN"])

    def close(self) -> None:
        """Closes the connection and cancels calls under way."""
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
    ) -> Any:  # noqa: ANN401 - the outcome's class is private to gRPC
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
    """The details of a call, as passed to gRPC."""


def _authorized(details: grpc.ClientCallDetails, token: str, timeout_s: float) -> grpc.ClientCallDetails:
    sent = _Details()
    sent.method, sent.timeout = details.method, timeout_s
    sent.metadata = (*(details.metadata or ()), ("authorization", f"Bearer {token}"))
    sent.credentials, sent.wait_for_ready = details.credentials, details.wait_for_ready
    sent.compression = details.compression
    return sent


def _error_of(failure: Any) -> MegaRouterError:  # noqa: ANN401 - the type RpcError lacks the methods that every instance has
    return error_from(failure.code(), failure.details(), failure.trailing_metadata())
