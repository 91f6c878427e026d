"""Unary calls independent of the transport: request bytes in, response bytes out, or an error status.

Both grpc.aio (`generic_handler`) and `lean_grpc` carry them.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import grpc

logger = logging.getLogger(__name__)

Metadata = Mapping[str, str]
"""The metadata of a call by lower-case names. If a name is repeated, the last value counts."""

_FAILED: Final = "the call could not be handled"

ANSWER_COMES: Final[ContextVar[Callable[[], None] | None]] = ContextVar("ANSWER_COMES", default=None)
"""Set by a transport while a call is answered: sends the head of the answer."""


def say_that_an_answer_comes() -> None:
    """Tells the caller that an answer takes long on purpose, so that it does not ask another replica too.

    `lean_grpc` sends the head of the answer, and grpc.aio nothing. Call it in the task that answers.
    """
    if send_head := ANSWER_COMES.get():
        send_head()


class StatusError(Exception):
    """A call that fails.

    Args:
        code: a gRPC status code other than OK.
        text: the message for the caller.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """A method and the function that answers it."""

    path: str
    """The path: `/package.Service/Method`."""
    handle: Callable[[bytes, Metadata], Awaitable[bytes]]
    """Raises StatusError. Any other exception is a bug; the caller receives only INTERNAL and a fixed message."""

    async def answer(self, request: bytes, metadata: Metadata) -> bytes:
        """Returns the response.

        Raises:
            StatusError: the call fails.
        """
        try:
            return await self.handle(request, metadata)
        except StatusError:
            raise
        except Exception as error:
            logger.exception("a call failed", extra={"method": self.path})
            raise StatusError(grpc.StatusCode.INTERNAL, _FAILED) from error


def generic_handler(methods: Sequence[UnaryMethod]) -> "grpc.GenericRpcHandler[Any, Any]":
    """Returns the methods as a handler for grpc.aio. Requests and responses stay bytes."""
    handlers = {method.path: grpc.unary_unary_rpc_method_handler(_for_grpc(method)) for method in methods}
    return _Methods(handlers)


class _Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg] # of bytes
    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401 - a handler or None
        return self._handlers.get(handler_call_details.method)


def _for_grpc(method: UnaryMethod) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def behavior(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        metadata = {str(key): value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        try:
            return await method.answer(request, metadata)
        except StatusError as error:
            await context.abort(error.code, error.text)

    return behavior
