"""The rewriter as Envoy runs it, on the same LuaJIT, callable from Python."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from lupa.luajit21 import LuaRuntime
from megarouter_envoy.options import REWRITER_PATH


@dataclass(frozen=True)
class Rewritten:
    body: bytes
    is_usage_injected: bool


@dataclass(frozen=True)
class Refused:
    code: str
    message: str


@cache
def runtime() -> Any:
    return LuaRuntime(encoding=None)


@cache
def rewriter() -> Any:
    return runtime().execute(REWRITER_PATH.read_bytes())


def rewrite(body: bytes, *, served_model: str | None = None, inject_include_usage: bool = False) -> Rewritten | Refused:
    options = runtime().table_from({b"inject_include_usage": inject_include_usage})
    if served_model is not None:
        options[b"served_model"] = served_model.encode()
    first, second, *rest = rewriter()[b"rewrite"](body, options)
    if first is None:
        return Refused(second.decode(), rest[0].decode())
    return Rewritten(first, bool(second))


def rewritten(body: bytes, *, served_model: str | None = None, inject_include_usage: bool = False) -> bytes:
    """The new body of a call that must not be refused."""
    result = rewrite(body, served_model=served_model, inject_include_usage=inject_include_usage)
    assert isinstance(result, Rewritten), result
    return result.body


def refusal_code(body: bytes, *, served_model: str | None = None, inject_include_usage: bool = False) -> str:
    """The error code of a call that must be refused."""
    result = rewrite(body, served_model=served_model, inject_include_usage=inject_include_usage)
    assert isinstance(result, Refused), result
    return result.code


def shown(*chunks: bytes) -> bytes:
    """What the client sees of a stream that arrives in these pieces."""
    usage_filter = rewriter()[b"new_usage_filter"]()
    return b"".join(usage_filter[b"push"](usage_filter, chunk) for chunk in chunks)


def usage_facts(document: bytes) -> dict[str, object]:
    facts = rewriter()[b"usage_facts"](document)
    return {key.decode(): value.decode() if isinstance(value, bytes) else value for key, value in facts.items()}
