"""Dynamic metadata of a call: which filter writes which namespace, and the keys in it."""

import enum
from typing import Final

REQUEST_NAMESPACE: Final = "megarouter.request"
"""The module's first filter writes it, and authz_service reads it. The keys are in `request_facts`."""
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
SHADOW_REFUSED: Final = "shadow_refused"
"""The encoded scopes, separated by commas, whose request limits in shadow mode would have refused the call."""


class DecisionKey(enum.StrEnum):
    """The keys under which authz_service describes a call that it admits."""

    HOLD = "hold"
    """The signed token of the hold."""
    HOLD_ID = "hold_id"
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
    QUOTE = "quote"
    """The prices of the call as `quotes.encode_quote` writes them. The module then tells the caller the cost of a plain answer."""
    RATE_LIMITS = "rate_limits"
    """The limits as `request_limits.encode_limits` writes them. Without it, Envoy does not ask ratelimit_service."""


RATE_LIMIT_ENTRIES: Final = (DecisionKey.ORGANIZATION, DecisionKey.RATE_LIMITS, DecisionKey.DIALECT)
"""The entries of a descriptor for ratelimit_service. Envoy copies them from the decision."""
