"""Dynamic metadata of a call: which filter writes which namespace, and the keys in it."""

import enum
from typing import Final

REQUEST_NAMESPACE: Final = "megarouter.request"
"""Written by the module's first filter; authz_service reads it. The keys are in `request_facts`."""
DECISION_NAMESPACE: Final = "envoy.filters.http.ext_authz"
"""Written by Envoy from the answer of authz_service. The keys are `DecisionKey`."""
RATE_LIMIT_NAMESPACE: Final = "envoy.filters.http.ratelimit"
"""Written by Envoy from the answer of ratelimit_service. The key is `SHADOW_REFUSED`."""
REWRITER_NAMESPACE: Final = "megarouter.rewriter"
"""Written by the module's second filter. The keys are `USAGE` and `ANSWERED`."""

RATE_LIMIT_DOMAIN: Final = "megarouter"
"""Of the descriptors that ratelimit_service gets for model calls."""

ANSWERED: Final = "answered"
"""True where a service or the module has answered the call itself: Envoy passes such an answer on unchanged."""
USAGE: Final = "usage"
"""What the module read of a provider's answer, as JSON; the keys in it are `usage_service.settlement.usage_reports.UsageFact`."""
SHADOW_REFUSED: Final = "shadow_refused"
"""Scopes whose request limits, in shadow mode, would have refused the call: encoded, with commas between them."""


class DecisionKey(enum.StrEnum):
    """What authz_service says of a call that may pass."""

    HOLD = "hold"
    """The signed token of the hold."""
    HOLD_ID = "hold_id"
    TRACEPARENT = "traceparent"
    ORGANIZATION = "organization"
    DIALECT = "dialect"
    UPSTREAM_PATH = "upstream_path"
    SERVED_MODEL = "served_model"
    """The name that the provider knows the model by; absent where it is the caller's."""
    INJECT_INCLUDE_USAGE = "inject_include_usage"
    RATE_LIMITS = "rate_limits"
    """`request_limits.encode_limits`; without it, Envoy does not ask ratelimit_service."""


RATE_LIMIT_ENTRIES: Final = (DecisionKey.ORGANIZATION, DecisionKey.RATE_LIMITS, DecisionKey.DIALECT)
"""The entries of a descriptor for ratelimit_service, which Envoy copies from the decision."""
