"""Notes what a request contains: credentials, headers that the gateway should have removed, and fields that it rewrites."""

import hashlib
from collections.abc import Iterable
from urllib.parse import parse_qs

from mock_provider.arriving.aws_signatures import access_key_of
from mock_provider.tally import CallRecord

_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})
_GATEWAY_PREFIX = "x-megarouter-"
_TRACE_CONTEXT = frozenset({"traceparent", "tracestate", "baggage"})
_TEXT_MAX = 256


def note_headers(record: CallRecord, headers: Iterable[tuple[str, str]], query: str) -> None:
    """Adds to `record` the request id, the hashed credentials, and the names of headers that are internal to the gateway."""
    credentials: list[tuple[str, str]] = []
    gateway_headers: list[str] = []
    for raw_name, value in headers:
        name = raw_name.lower()
        if name == "authorization" and (key := access_key_of(value)) is not None:
            record.access_key = key
        elif name in _CREDENTIAL_HEADERS:
            credentials.append((name, _digest(value)))
        elif name == "x-request-id":
            record.request_id = value[:_TEXT_MAX]
        elif name.startswith(_GATEWAY_PREFIX) or name in _TRACE_CONTEXT:
            gateway_headers.append(name)
    if "key=" in query:
        credentials.extend(("query", _digest(value)) for value in parse_qs(query).get("key", []))
    record.credentials = tuple(credentials)
    record.gateway_headers = tuple(gateway_headers)


def note_body(record: CallRecord, body: bytes) -> None:
    """Adds the size and SHA-256 of the body as received."""
    record.body_bytes = len(body)
    record.body_sha256 = hashlib.sha256(body).hexdigest()


def note_fields(record: CallRecord, fields: dict[str, object]) -> None:
    """Adds the two top-level fields that a gateway may rewrite, if they are small enough to keep."""
    record.body_model = _kept(fields.get("model"))
    record.body_stream_options = _kept(fields.get("stream_options"))


def _kept(value: object) -> object:
    return value if len(repr(value)) <= _TEXT_MAX else "(too long to keep)"


def _digest(credential: str) -> str:
    scheme, _, token = credential.partition(" ")
    secret = token.strip() if scheme.lower() == "bearer" else credential
    return hashlib.sha256(secret.encode()).hexdigest()
