"""Paths of the providers' APIs that the gateway does not serve, and why."""

import re
from typing import Final

from gateway_core.contract.path_dialects import GEMINI_ROOT

_NOT_METERED: Final = "its usage is known only after the gateway has answered. Make the calls one by one."
_SHARED: Final = (
    "all organizations share one account at the provider. Ask the operator of the gateway to create what you need there and "
    "to register its id for you."
)
_REASONS: Final = (
    (re.compile(r"/v1(beta|/messages)?/batches(/.*)?|/v1(beta)?/models/.*:batchGenerateContent"), "A batch", _NOT_METERED),
    (re.compile(r"/v1/conversations(/.*)?"), "A conversation", _SHARED),
    (re.compile(r"(/upload)?/v1(beta)?/(files|uploads)(/.*)?"), "A file", _SHARED),
    (re.compile(rf"/v1/vector_stores(/.*)?|{GEMINI_ROOT}/fileSearchStores(/.*)?"), "A vector store", _SHARED),
    (re.compile(r"/v1/containers(/.*)?"), "A container", _SHARED),
    (re.compile(rf"{GEMINI_ROOT}/cachedContents(/.*)?"), "A cached content", _SHARED),
    (re.compile(r"/v1/(assistants|threads)(/.*)?"), "An assistant", "the provider has replaced it. Use /v1/responses."),
    (re.compile(r"/v1/realtime(/.*)?"), "A realtime session", "it is not metered by requests. Use /v1/responses."),
)  # fmt: skip


def why_unserved(path: str) -> str:
    """Returns a sentence on a path that is not served, without its query."""
    for pattern, what, why in _REASONS:
        if pattern.fullmatch(path):
            return f"{what} is not served, because {why}"
    return "See the documentation for the list of endpoints."
