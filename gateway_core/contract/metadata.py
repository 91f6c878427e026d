"""Dynamic metadata of a call: which filter writes which namespace, and the keys in it."""

import enum
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway_core.contract.doors import DOOR_ERRORS
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.ids import is_valid_id
from gateway_core.model.organization.scopes import Scope, ScopeKind

REQUEST_NAMESPACE: Final = "megarouter.request"
"""The module's first filter writes it, and authz_service reads it. The keys are in `request_facts`."""
CONVERSATION_NAMESPACE: Final = "megarouter.conversation"
"""The module's first filter writes it for calls whose model may be virtual, and authz_service reads it. The keys are in
`request_facts.CONVERSATION`."""
DECISION_NAMESPACE: Final = "envoy.filters.http.ext_authz"
"""Envoy writes it from the response of authz_service. The keys are in `DecisionKey`."""
RATE_LIMIT_NAMESPACE: Final = "envoy.filters.http.ratelimit"
"""Envoy writes it from the response of ratelimit_service. The key is `SHADOW_REFUSED`."""
REWRITER_NAMESPACE: Final = "megarouter.rewriter"
"""The module's second filter writes it. The keys are `USAGE` and `ANSWERED`."""

RATE_LIMIT_DOMAIN: Final = "megarouter"
"""The domain of the descriptors that ratelimit_service receives for model calls."""

ANSWERED: Final = "answered"
"""True if a service or the module answered the call itself. Envoy passes such a response on unchanged."""
USAGE: Final = "usage"
"""What the module read from a provider's response, as a JSON object. Its keys are in `usage_facts.UsageFact`."""
ATTEMPTS: Final = "attempts"
"""What became of the attempts at several deployments, in words: a status, for 429 perhaps with `/` and seconds, or `-` without
an answer."""
MODEL_PLACE: Final = "model_place"
"""Where the body that goes on names the model: the first byte, the one after the last, and the length of the body."""
REFUSED: Final = "refused"
"""Why a service refuses the call, and whose it is, as `encode_refusal` writes it. It proves nothing: it is only for statistics."""
SHADOW_REFUSED: Final = "shadow_refused"
"""The encoded scopes, separated by commas, whose request limits in shadow mode would have refused the call."""


class DecisionKey(enum.StrEnum):
    """The keys under which authz_service describes a call that it admits."""

    HOLD = "hold"
    """The signed token of the hold."""
    HOLD_ID = "hold_id"
    ROUTED = "routed"
    """Present if the caller named a virtual model. For other models the module reads nothing of the conversation."""
    CALL_ID = "call_id"
    """Names a call that has a request limit but no hold."""
    TRACEPARENT = "traceparent"
    ORGANIZATION = "organization"
    DIALECT = "dialect"
    UPSTREAM_PATH = "upstream_path"
    SERVED_MODEL = "served_model"
    """The provider's name for the model. Absent if it equals the name that the caller used."""
    INJECT_INCLUDE_USAGE = "inject_include_usage"
    OUTPUT_LIMIT = "output_limit"
    """The output limit that the module writes into the body: the name of its field, `=`, and the number of tokens."""
    REPORT_SOON = "report_soon"
    """Present if another call may wait for the end of this one. Envoy then reports the end sooner."""
    AUDIO_ANSWER = "audio_answer"
    """True if the provider may answer with sound, which the module then passes on unread."""
    FILE_ANSWER = "file_answer"
    """True if the provider answers with the content of a file, which the module then passes on unread."""
    LADDER = "ladder"
    """The attempts that the call may make, as `deployments.fallbacks.encode_ladder` writes them; absent if it makes only one."""
    OWN_KEYS = "own_keys"
    """Present if an attempt carries a key of the caller's organization: the id of each attempt's key, or `-`, in words."""
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    """How many milliseconds each attempt may take to begin its answer."""
    ELSEWHERE = "elsewhere"
    """Present if another deployment of the model is healthy, so that a retry of the call may succeed."""
    QUOTE = "quote"
    """The prices of the call as `quotes.encode_quote` writes them. The module then tells the caller the cost of a plain answer."""
    RATE_LIMITS = "rate_limits"
    """The limits as `request_limits.encode_limits` writes them. Without it, Envoy does not ask ratelimit_service."""


RATE_LIMIT_ENTRIES: Final = (DecisionKey.ORGANIZATION, DecisionKey.RATE_LIMITS, DecisionKey.DIALECT)
"""The entries of a descriptor for ratelimit_service. Envoy copies them from the decision."""
CALL_ENTRIES: Final = (DecisionKey.HOLD_ID, DecisionKey.CALL_ID)
"""The last entry of a descriptor is one of these. It names the call, so that repeating the question does not count it twice.

All other bytes of the question are the same for all calls of a key.
"""

REASONS: Final = frozenset({*map(str, RefusalReason), *(error.code for error in DOOR_ERRORS)})
"""Why calls are refused: the codes of the errors."""
_ABSENT: Final = "-"
_MAX_LENGTH: Final = 1_000
_WORDS: Final = 6
_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A refused call, as far as it is known."""

    reason: str
    """A `RefusalReason`, or the code of an error that Envoy's module returns itself."""
    scope: Scope | None = None
    """The scope whose guardrail refused."""
    organization: str = ""
    """Empty if the key is not known, as the fields below."""
    member: str = ""
    api_key: str = ""
    group_path: tuple[str, ...] = ()


def encode_refusal(
    refusal: Refusal, organization: str = "", member: str = "", api_key: str = "", group_path: tuple[str, ...] = ()
) -> str:
    """Returns the text for a refusal, and for its caller if the key is known."""
    scope = refusal.scope.encode() if refusal.scope else _ABSENT
    if not organization:
        return f"{refusal.reason} {scope}"
    return f"{refusal.reason} {scope} {organization} {member} {api_key} {'/'.join(group_path) or _ABSENT}"


@lru_cache(maxsize=_REMEMBERED)
def decode_refusal(text: str) -> RefusedCall | None:
    """Returns the refused call that a text describes, or None if it has another form."""
    words = text.split(" ") if len(text) <= _MAX_LENGTH else []
    if not 1 <= len(words) <= _WORDS or words[0] not in REASONS:
        return None
    kind, _, scope_id = words[1].partition(":") if len(words) > 1 else ("", "", "")
    scope = Scope(ScopeKind(kind), scope_id) if kind in set(ScopeKind) and is_valid_id(scope_id) else None
    if len(words) < _WORDS:
        return RefusedCall(words[0], scope)
    organization, member, api_key, path = words[2:]
    groups = () if path == _ABSENT else tuple(path.split("/"))
    if not all(map(is_valid_id, (organization, member, api_key, *groups))):
        return None
    return RefusedCall(words[0], scope, organization, member, api_key, groups)
