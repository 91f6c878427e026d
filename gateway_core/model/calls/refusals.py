"""Why a call is refused: one reason each, with its HTTP status and what the caller can do about it.

If several limits refuse a call, it reports one of them, in this order: a budget (the narrowest scope first), the
organization's credit, tokens per minute, concurrent calls, requests. A call that hits both a budget and a rate limit
reports the budget, because waiting does not help.

`explanations.explain` checks in this order. A call meets its limits in this order too, because authz_service places the
hold before Envoy asks ratelimit_service.
"""

import enum
from dataclasses import dataclass, field

from gateway_core.model.organization.scopes import Scope
from gateway_core.model.quotas import Quota


class RefusalReason(enum.StrEnum):
    """Machine-readable reasons, stable forever. Each is the `code` of an OpenAI-shaped error.

    The text under each reason says what the caller can do. The reference page of errors shows it.
    """

    MISSING_API_KEY = "missing_api_key"
    """Send a key in one of the three headers."""
    INVALID_API_KEY = "invalid_api_key"
    """Check the key. An unknown key and a wrong secret get the same error."""
    CONFLICTING_API_KEYS = "conflicting_api_keys"
    """Send one key."""
    KEY_DISABLED = "key_disabled"
    """Use another key, or ask your admin to enable this one."""
    KEY_EXPIRED = "key_expired"
    """Create a new key. After a rotation, use the new secret."""
    IP_NOT_ALLOWED = "ip_not_allowed"
    """Call from an address on the key's allow list, or ask your admin to add yours."""
    MEMBER_SUSPENDED = "member_suspended"
    """Ask your admin to resume your membership."""
    ORGANIZATION_SUSPENDED = "organization_suspended"
    """Ask your organization's billing contact."""
    PERSONAL_ACCOUNTS_OFF = "personal_accounts_off"
    """Use a key of an organization: this deployment has no personal accounts. The operators can switch them on."""
    MODEL_NOT_ALLOWED = "model_not_allowed"
    """Choose a model from `GET /v1/models`, or ask your admin to allow this one."""
    MODEL_NOT_FOUND = "model_not_found"
    """Choose a model from `GET /v1/models`."""
    MODEL_WITHOUT_PRICE = "model_without_price"
    """Choose another model, or wait until the price takes effect."""
    ENDPOINT_NOT_SUPPORTED = "endpoint_not_supported"
    """Use one of the supported endpoints."""
    PREVIOUS_RESPONSE_NOT_FOUND = "previous_response_not_found"
    """Name a response to one of your own calls, of the last 30 days. Otherwise send the conversation in `input`."""
    STORED_OBJECT_NOT_FOUND = "stored_object_not_found"
    """Name only what an answer to one of your own calls handed out, or ask the operator to register the id for you."""
    CALL_NOT_FOUND = "call_not_found"
    """Send the `x-request-id` of an answer to one of your own calls to a virtual model, of the last 7 days."""
    BUDGET_EXHAUSTED = "budget_exhausted"
    """`error.limits` lists every budget that refused, narrowest first. Lower `max_tokens`, wait for a reset, or ask your admin."""
    BUDGET_IN_USE = "budget_in_use"
    """Retry after `retry-after` seconds. Calls that are running reserve what is left, and give back what they do not use."""
    CREDIT_EXHAUSTED = "credit_exhausted"
    """Ask an admin to top up the organization's credit."""
    RATE_LIMITED = "rate_limited"
    """Wait for `retry-after` seconds."""
    TOKENS_RATE_LIMITED = "tokens_rate_limited"
    """Wait for `retry-after` seconds. Without that header the call exceeds the whole limit: lower `max_tokens`."""
    TOO_MANY_CONCURRENT_CALLS = "too_many_concurrent_calls"
    """Retry when one of your calls has ended."""
    TOO_MANY_RATINGS = "too_many_ratings"
    """Wait for `retry-after` seconds."""
    UNREADABLE_BODY = "unreadable_body"
    """Send one complete JSON object that has each key once and no escaped keys, or a form as HTTP clients build it."""
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    """Send `content-type: application/json`, or `multipart/form-data` to the operations that take files."""
    UNSUPPORTED_CONTENT_ENCODING = "unsupported_content_encoding"
    """Send the body uncompressed."""
    INVALID_PARAMETER = "invalid_parameter"
    """Correct the parameter that `param` names."""
    DEPENDENCY_UNAVAILABLE = "dependency_unavailable"
    """Retry. The gateway cannot check calls right now, and refuses every call that it cannot check."""


_STATUS = {
    RefusalReason.MISSING_API_KEY: 401,
    RefusalReason.INVALID_API_KEY: 401,
    RefusalReason.CONFLICTING_API_KEYS: 401,
    RefusalReason.KEY_DISABLED: 401,
    RefusalReason.KEY_EXPIRED: 401,
    RefusalReason.IP_NOT_ALLOWED: 403,
    RefusalReason.MEMBER_SUSPENDED: 403,
    RefusalReason.ORGANIZATION_SUSPENDED: 403,
    RefusalReason.PERSONAL_ACCOUNTS_OFF: 403,
    RefusalReason.MODEL_NOT_ALLOWED: 403,
    RefusalReason.MODEL_NOT_FOUND: 404,
    RefusalReason.MODEL_WITHOUT_PRICE: 404,
    RefusalReason.ENDPOINT_NOT_SUPPORTED: 404,
    RefusalReason.PREVIOUS_RESPONSE_NOT_FOUND: 404,
    RefusalReason.STORED_OBJECT_NOT_FOUND: 404,
    RefusalReason.CALL_NOT_FOUND: 404,
    RefusalReason.BUDGET_EXHAUSTED: 402,
    RefusalReason.BUDGET_IN_USE: 429,
    RefusalReason.CREDIT_EXHAUSTED: 402,
    RefusalReason.RATE_LIMITED: 429,
    RefusalReason.TOKENS_RATE_LIMITED: 429,
    RefusalReason.TOO_MANY_CONCURRENT_CALLS: 429,
    RefusalReason.TOO_MANY_RATINGS: 429,
    RefusalReason.UNREADABLE_BODY: 400,
    RefusalReason.UNSUPPORTED_CONTENT_TYPE: 400,
    RefusalReason.UNSUPPORTED_CONTENT_ENCODING: 400,
    RefusalReason.INVALID_PARAMETER: 400,
    RefusalReason.DEPENDENCY_UNAVAILABLE: 503,
}

_WORTH_RETRYING = {
    RefusalReason.BUDGET_IN_USE,
    RefusalReason.RATE_LIMITED,
    RefusalReason.TOKENS_RATE_LIMITED,
    RefusalReason.TOO_MANY_CONCURRENT_CALLS,
    RefusalReason.TOO_MANY_RATINGS,
    RefusalReason.DEPENDENCY_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class ExhaustedLimit:
    """One limit that refused a hold; amounts in nano-credits. `scope` is None for the organization's credit."""

    scope: Scope | None
    limit_nano_credits: int
    """The budget and what is carried from the period before."""
    used_nano_credits: int
    held_nano_credits: int
    reset_epoch_s: int | None
    models: str = ""
    """A whitelist entry whose models the budget counts; empty for all models."""
    carried_nano_credits: int = 0
    """What of the limit is carried from the period before. It says what that period spent, so not everybody may read it."""
    coming_nano_credits: int = 0
    """What the open calls of the period before keep from being carried into this one, at most."""

    @property
    def subject(self) -> str:
        """The budget as a message names it: whose it is, and for which models. Not for the organization's credit."""
        owner = self.scope.subject if self.scope else "the organization"
        return f"{owner} for {self.models}" if self.models else owner


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a call that does not pass."""

    reason: RefusalReason
    message: str
    parameter: str | None = None
    limits: tuple[ExhaustedLimit, ...] = field(default=())
    """Every limit that refused, narrowest first."""
    retry_after_s: int | None = None
    quota: Quota | None = None
    """What is left of the limit that refuses; None if it is a budget."""
    never_passes: bool = False
    """Whether waiting can never let this call pass."""
    scope: Scope | None = None
    """The scope whose guardrail refuses; None if no guardrail does (a disabled key, the organization's credit)."""

    @property
    def status(self) -> int:
        """The HTTP status of the refusal."""
        return _STATUS[self.reason]

    @property
    def should_retry(self) -> bool:
        """Returns whether the same call may pass later without any change to limits or parameters."""
        return self.reason in _WORTH_RETRYING and not self.never_passes


def refuse_parameter(parameter: str, what: str) -> Refusal:
    """Returns the refusal of a call for one of its parameters. `what` says what is wrong with it and what to do."""
    return Refusal(RefusalReason.INVALID_PARAMETER, f"Invalid '{parameter}': {what}.", parameter)
