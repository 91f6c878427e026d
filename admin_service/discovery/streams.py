"""Serves `AggregatedDiscoveryService`. On its stream, an Envoy hears of every new configuration and answers to it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2

from admin_service.discovery.configuration import CLUSTERS, Configuration

logger = logging.getLogger(__name__)

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_REASON_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What an Envoy says to a configuration."""

    configuration: Configuration
    refusal: str
    """Envoy's words, and which providers could not be rendered; empty if it has accepted everything."""


class Published:
    """The configuration that Envoy should have. Streams wait for changes of it."""

    def __init__(self) -> None:
        self._current: Configuration | None = None
        self._changed = asyncio.Event()

    @property
    def current(self) -> Configuration | None:
        """The configuration; None before the first one."""
        return self._current

    def publish(self, configuration: Configuration) -> None:
        """Makes a configuration the one that Envoy should have."""
        self._current = configuration
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, known: Configuration | None) -> Configuration:
        """Returns the configuration as soon as it is another one."""
        while self._current is None or self._current is known:
            await self._changed.wait()
        return self._current


class DiscoveryStreams:
    """The handlers of the gRPC service."""

    def __init__(self, published: Published, on_answer: Callable[[Answer], None]) -> None:
        """Prepares the handlers.

        Args:
            published: what to serve.
            on_answer: called with what an Envoy says to a configuration.
        """
        self._published = published
        self._on_answer = on_answer
        self.open_count = 0
        """How many Envoys listen. While one replaces another, there are two."""

    def handler(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """Returns what a server serves."""
        method = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=discovery_pb2.DiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DiscoveryResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamAggregatedResources": method})

    async def _stream(
        self, requests: AsyncIterator[discovery_pb2.DiscoveryRequest], _context: object
    ) -> AsyncIterator[discovery_pb2.DiscoveryResponse]:
        stream = _Stream()
        reading = asyncio.create_task(self._read(requests, stream))
        self.open_count += 1
        try:
            while not reading.done():
                responses, answer = stream.due(self._published.current)
                for response in responses:
                    yield response
                if answer is not None:
                    self._on_answer(answer)
                changing = asyncio.create_task(self._published.after(stream.served))
                asking = asyncio.create_task(stream.asked.wait())
                await asyncio.wait({changing, asking, reading}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                asking.cancel()
        finally:
            self.open_count -= 1
            reading.cancel()

    async def _read(self, requests: AsyncIterator[discovery_pb2.DiscoveryRequest], stream: "_Stream") -> None:
        async for request in requests:
            answer = stream.take(request)
            if answer is not None:
                self._on_answer(answer)


@dataclass(slots=True)
class _Sent:
    """What was last sent to an Envoy of one type of resources."""

    version: str = ""
    nonce: str = ""
    """Of the response that it has not answered; empty for none."""
    refusal: str = ""
    """Its words, if it has refused that version."""


class _Stream:
    """The state of one stream."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.served: Configuration | None = None
        self._count = 0
        self._sent: dict[str, _Sent] = {}
        """By type; only those that Envoy wants."""

    def take(self, request: discovery_pb2.DiscoveryRequest) -> Answer | None:
        """Notes a request. Returns what Envoy says to the configuration, once it has said all."""
        if request.type_url not in self._sent:
            self._sent[request.type_url] = _Sent()
            self.asked.set()
            return None
        sent = self._sent[request.type_url]
        if not sent.nonce or request.response_nonce != sent.nonce:
            return None
        sent.nonce = ""
        sent.refusal = request.error_detail.message[:_REASON_MAX] if request.HasField("error_detail") else ""
        return self._answer()

    def due(self, configuration: Configuration | None) -> tuple[list[discovery_pb2.DiscoveryResponse], Answer | None]:
        """Returns a response for each type of which Envoy has another version.

        If there is none, it also returns what Envoy has said to what it has, which is all that the configuration changes.
        """
        self.asked.clear()
        if configuration is None or not self._sent:
            return [], None
        is_new, self.served = self.served is not configuration, configuration
        responses = [
            self._response(type_url, version, configuration)
            for type_url, sent in self._sent.items()
            if (version := configuration.version_of(type_url)) != sent.version
        ]
        return responses, self._answer() if is_new and not responses else None

    def _answer(self) -> Answer | None:
        # An Envoy that starts asks for its runtime first, and has not seen the clusters then.
        if self.served is None or CLUSTERS not in self._sent or any(sent.nonce for sent in self._sent.values()):
            return None
        refusals = (self.served.refusal, *(sent.refusal for sent in self._sent.values()))
        return Answer(self.served, "; ".join(filter(None, refusals)))

    def _response(self, type_url: str, version: str, configuration: Configuration) -> discovery_pb2.DiscoveryResponse:
        self._count += 1
        self._sent[type_url] = _Sent(version, nonce=str(self._count))
        return discovery_pb2.DiscoveryResponse(
            version_info=version,
            type_url=type_url,
            nonce=str(self._count),
            resources=[any_pb2.Any(type_url=one.type_url, value=one.value) for one in configuration.of_type(type_url)],
        )
