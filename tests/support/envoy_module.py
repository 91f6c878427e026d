"""Calls the parts of Envoy's module that do not depend on Envoy. Loads the same library as Envoy."""

import json
from collections.abc import Callable, Iterable, Sequence
from ctypes import CDLL, POINTER, Structure, byref, c_bool, c_char, c_char_p, c_size_t, c_ssize_t, c_uint8, string_at
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import json_format, struct_pb2
from megarouter_envoy.module import find_module

from gateway_core.contract.module_errors import MODULE_ERRORS

REFUSALS = tuple(error.code for error in MODULE_ERRORS)
"""Error codes of refusals, in the order of the module's enum."""
_MARGIN_BYTES = 1_000


class _Input(Structure):
    _fields_ = (
        ("pointer", c_char_p),
        ("length", c_size_t),
        ("cuts", POINTER(c_size_t)),
        ("cut_count", c_size_t),
    )


class _Output(Structure):
    _fields_ = (("pointer", POINTER(c_char)), ("length", c_size_t))


class _Optional(Structure):
    _fields_ = (("pointer", c_char_p), ("length", c_size_t))


class _Wished(Structure):
    _fields_ = (("model_text", _Optional), ("output_limit", _Optional), ("include_usage", c_bool))


@dataclass(frozen=True)
class Rewritten:
    body: bytes
    is_usage_injected: bool


@cache
def _library() -> CDLL:
    library = CDLL(str(find_module()))
    for name in (
        "read_json",
        "request_facts",
        "form_facts",
        "feedback_facts",
        "ending",
        "conversation",
        "rewrite_form",
        "rewrite",
        "error",
        "document_usage",
        "cost",
        "stream_usage",
        "shown",
    ):
        getattr(library, f"megarouter_{name}").restype = c_ssize_t
    return library


def _input(text: bytes, cuts: Sequence[int]) -> _Input:
    return _Input(text, len(text), (c_size_t * max(1, len(cuts)))(*cuts), len(cuts))


def _call(name: str, text: bytes, cuts: Sequence[int], *arguments: Any) -> bytes | int:
    """Calls a function of the module. Returns its output, or the negative number of its error."""
    # Escaping text that was not escaped may grow it sixfold.
    size = len(text) * 6 + _MARGIN_BYTES
    room = (c_char * size)()
    function: Callable[..., int] = getattr(_library(), f"megarouter_{name}")
    length = function(byref(_input(text, cuts)), *arguments, byref(_Output(room, size)))
    return string_at(room, length) if length >= 0 else length


def is_json(text: bytes, cuts: Sequence[int] = ()) -> bool:
    function: Callable[..., int] = _library().megarouter_read_json
    return function(byref(_input(text, cuts))) == 0


def request_facts(body: bytes, cuts: Sequence[int] = ()) -> dict[str, Any] | None:
    """Returns the facts on which authz_service decides, or None for an unreadable body."""
    fields = _call("request_facts", body, cuts)
    if isinstance(fields, int):
        return None
    return dict(json_format.MessageToDict(struct_pb2.Struct.FromString(fields)))


def feedback_facts(body: bytes, cuts: Sequence[int] = ()) -> dict[str, Any] | None:
    """Returns the facts of a rating, or None for an unreadable one."""
    fields = _call("feedback_facts", body, cuts)
    return None if isinstance(fields, int) else dict(json_format.MessageToDict(struct_pb2.Struct.FromString(fields)))


def conversation(body: bytes, cuts: Sequence[int] = ()) -> dict[str, Any] | None:
    """Returns what the choice of a model knows of a conversation, or None for an unreadable body."""
    fields = _call("conversation", body, cuts)
    return None if isinstance(fields, int) else dict(json_format.MessageToDict(struct_pb2.Struct.FromString(fields)))


def form_facts(body: bytes, content_type: str, cuts: Sequence[int] = ()) -> dict[str, Any]:
    """Returns the facts of a form on which authz_service decides; `unreadable` names the fault of a form that has one."""
    fields = _call("form_facts", body, cuts, byref(_optional(content_type)))
    assert isinstance(fields, bytes), content_type
    return dict(json_format.MessageToDict(struct_pb2.Struct.FromString(fields)))


def rewritten_form(body: bytes, content_type: str, model: str, cuts: Sequence[int] = ()) -> bytes | None:
    """Returns the form with another model, or None for one without a model or with a fault."""
    result = _call("rewrite_form", body, cuts, byref(_optional(content_type)), byref(_optional(model)))
    return None if isinstance(result, int) else result


def _optional(text: str) -> _Optional:
    return _Optional(text.encode(), len(text.encode()))


def rewrite(
    body: bytes,
    *,
    served_model: str | None = None,
    inject_include_usage: bool = False,
    output_limit: str | None = None,
    cuts: Sequence[int] = (),
) -> Rewritten | str:
    """Returns the new body, or the error code of the refusal. An output limit is `<field>=<tokens>`."""
    model = None if served_model is None else json.dumps(served_model, ensure_ascii=False).encode()
    limit = None if output_limit is None else output_limit.encode()
    wished = _Wished(_Optional(model, len(model or b"")), _Optional(limit, len(limit or b"")), inject_include_usage)
    result = _call("rewrite", body, cuts, byref(wished))
    if isinstance(result, int):
        return REFUSALS[-1 - result]
    return Rewritten(result[1:], bool(result[0]))


def rewritten(
    body: bytes,
    *,
    served_model: str | None = None,
    inject_include_usage: bool = False,
    output_limit: str | None = None,
) -> bytes:
    """Returns the new body. Asserts that the call is not refused."""
    result = rewrite(
        body, served_model=served_model, inject_include_usage=inject_include_usage, output_limit=output_limit
    )
    assert isinstance(result, Rewritten), result
    return result.body


def refusal_code(body: bytes, *, served_model: str | None = None, inject_include_usage: bool = False) -> str:
    """Returns the error code. Asserts that the call is refused."""
    result = rewrite(body, served_model=served_model, inject_include_usage=inject_include_usage)
    assert isinstance(result, str), result
    return result


def error_body(path: bytes, code: str) -> Any:
    """Returns the error body that a caller of this path receives."""
    body = _call("error", path, (), c_uint8(REFUSALS.index(code)))
    assert isinstance(body, bytes)
    return json.loads(body)


def _pieces(chunks: Iterable[bytes]) -> tuple[bytes, list[int]]:
    text, cuts = b"", []
    for chunk in chunks:
        text += chunk
        cuts.append(len(text))
    return text, cuts[:-1]


def shown(*chunks: bytes) -> bytes:
    """Returns what the client receives of a stream that arrives in these pieces."""
    result = _call("shown", *_pieces(chunks))
    assert isinstance(result, bytes)
    return result


def _facts(name: str, text: bytes, cuts: Sequence[int]) -> dict[str, Any]:
    result = _call(name, text, cuts)
    assert isinstance(result, bytes)
    return dict(json.loads(result)) if result else {}


def document_usage(document: bytes, cuts: Sequence[int] = ()) -> dict[str, Any]:
    """Returns the facts that the module extracts from an answer that is one document."""
    return _facts("document_usage", document, cuts)


def stream_usage(stream: bytes, cuts: Sequence[int] = ()) -> dict[str, Any]:
    """Returns the facts that the module extracts from a stream of events."""
    return _facts("stream_usage", stream, cuts)


def ending(answer: bytes, *, is_stream: bool) -> str:
    """Returns how an answer ended: `regular`, `length` or `refused`."""
    result = _call("ending", answer, (), c_bool(is_stream))
    assert isinstance(result, bytes)
    return result.decode()


def told_cost(document: bytes, quote: str, cuts: Sequence[int] = ()) -> str | None:
    """Returns what the module tells the caller that an answer costs in credits; None if it says nothing."""
    result = _call("cost", document, cuts, byref(_optional(quote)))
    assert isinstance(result, bytes), quote
    return result.decode() or None
