"""The transports of the admin API behind one interface. Each call takes a method, a request and a bearer token."""

import asyncio
import base64
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

import aiohttp
import grpc
from google.api import annotations_pb2
from google.protobuf import any_pb2, json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from tests.support.clients.rpc_statuses import status_of

HTTP_OF_CODE = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 14: 503, 16: 401}
# JSON can only parse an `Any` whose message type is imported.
assert error_details_pb2.DESCRIPTOR


class CallError(Exception):
    """A failed call, with the status and details that its caller received."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(f"{status.code}: {status.message}")
        self.status = status

    @property
    def code(self) -> grpc.StatusCode:
        return next(code for code in grpc.StatusCode if code.value[0] == self.status.code)

    def detail(self, kind: type[Message]) -> Any:
        found = kind()
        assert [item.Unpack(found) for item in self.status.details].count(True) == 1, self.status
        return found


class Transport(Protocol):
    async def call(self, method: MethodDescriptor, request: Message, token: str | None) -> Any:
        """Returns the response. Raises CallError."""


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


@dataclass
class Grpc:
    channel: grpc.aio.Channel

    async def call(self, method: MethodDescriptor, request: Message, token: str | None) -> Any:
        rpc = self.channel.unary_unary(
            _path(method),
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            return await rpc(request, metadata=list(_headers(token).items()), timeout=10)
        except grpc.aio.AioRpcError as error:
            status = status_of(error)
            raise CallError(status or status_pb2.Status(code=error.code().value[0], message=error.details())) from error


@dataclass
class GrpcWeb:
    """gRPC-Web as browsers use it: HTTP/1.1, with the trailers in the last frame of the body."""

    url: str
    session: aiohttp.ClientSession

    async def call(self, method: MethodDescriptor, request: Message, token: str | None) -> Any:
        content = request.SerializeToString()
        headers = {**_headers(token), "content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
        body = struct.pack(">BI", 0, len(content)) + content
        async with self.session.post(self.url + _path(method), data=body, headers=headers) as response:
            assert response.status == 200
            frames = list(_frames(await response.read()))
            trailers = {key.lower(): value for key, value in response.headers.items()}
        for kind, frame in frames:
            if kind & 0x80:
                pairs = (line.partition(":") for line in frame.decode().split("\r\n") if line)
                trailers.update({key.lower(): value.strip() for key, _, value in pairs})
        if trailers["grpc-status"] != "0":
            raise CallError(_status_of(trailers))
        (answer,) = (frame for kind, frame in frames if kind == 0)
        return GetMessageClass(method.output_type).FromString(answer)


def _frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(body):
        kind, length = struct.unpack_from(">BI", body, position)
        yield kind, body[position + 5 : position + 5 + length]
        position += 5 + length


def _status_of(trailers: dict[str, str]) -> status_pb2.Status:
    details = trailers.get("grpc-status-details-bin")
    if details is None:
        return status_pb2.Status(code=int(trailers["grpc-status"]), message=unquote(trailers.get("grpc-message", "")))
    return status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))


@dataclass
class Rest:
    """REST as declared by `google.api.http`: HTTP method, path, query and body."""

    url: str
    session: aiohttp.ClientSession

    async def call(self, method: MethodDescriptor, request: Message, token: str | None) -> Any:
        verb, path, body = rest_form(method, request)
        content = None if body is None else json.dumps(body)
        headers = {**_headers(token), "content-type": "application/json"}
        async with self.session.request(verb, self.url + path, data=content, headers=headers) as response:
            text = await response.text()
            assert response.headers["content-type"] == "application/json", text
            if response.status == 200:
                return json_format.Parse(text, GetMessageClass(method.output_type)())
            status = json_format.Parse(text, status_pb2.Status())
            assert response.status == HTTP_OF_CODE[status.code]
            assert response.headers["x-request-id"]
            raise CallError(status)


@dataclass
class TypeScript:
    """The TypeScript client, in a Node process that runs `admin_calls.ts`. It takes one call at a time."""

    process: asyncio.subprocess.Process

    async def call(self, method: MethodDescriptor, request: Message, token: str | None) -> Any:
        wanted = {
            "service": method.containing_service.name,
            "method": method.name[0].lower() + method.name[1:],
            "token": token,
            "request": json_format.MessageToDict(request),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(30):
            answer = json.loads(await self.process.stdout.readline())
        if "response" in answer:
            return json_format.ParseDict(answer["response"], GetMessageClass(method.output_type)())
        details = [
            any_pb2.Any(type_url=f"type.googleapis.com/{item['type']}", value=base64.b64decode(item["value"]))
            for item in answer["details"]
        ]
        raise CallError(status_pb2.Status(code=answer["code"], message=answer["message"], details=details))


def rest_form(method: MethodDescriptor, request: Message) -> tuple[str, str, dict[str, Any] | None]:
    """Returns the HTTP method, the path with query, and the body of a call."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    content = json_format.MessageToDict(request)

    def value(variable: re.Match[str]) -> str:
        *parents, last = (_camel(part) for part in variable[1].split("."))
        holder = content
        for parent in parents:
            holder = holder[parent]
        return str(holder.pop(last))

    path = re.sub(r"\{([\w.]+)(?:=[^}]*)?\}", value, getattr(rule, verb))
    if not rule.body:
        return verb.upper(), path + _query(content), None
    if rule.body == "*":
        return verb.upper(), path, content
    body = content.pop(_camel(rule.body), {})
    return verb.upper(), path + _query(content), body


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _query(content: dict[str, Any]) -> str:
    pairs = list(_flat("", content))
    return f"?{urlencode(pairs)}" if pairs else ""


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(prefix, inner)
    else:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)
