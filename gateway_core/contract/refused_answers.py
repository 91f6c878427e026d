"""Why the gateway answers a call itself although the provider has answered."""

import enum
from typing import Final

REFUSED_ANSWER_DETAILS: Final = "provider_answer_refused"
"""Envoy's response code details of such a call. It costs nothing."""


class RefusedAnswer(enum.StrEnum):
    """What was wrong with the provider's answer: the values of `UsageFact.REFUSED_ANSWER`."""

    CREDENTIAL = "credential"
    """The provider does not accept the gateway's credential."""
    PERMISSION = "permission"
    """The gateway's account may not make this call."""
    BILLING = "billing"
    """The gateway's account has no credit or quota left."""
    RATE_LIMIT = "rate_limit"
    """The gateway calls the provider too fast."""
    REDIRECT = "redirect"
    """The provider sent the gateway to another address or protocol."""
    UNREADABLE = "unreadable"
    """The answer is neither JSON nor server-sent events, or in an unknown encoding."""


ACCOUNT_REFUSALS: Final = frozenset({RefusedAnswer.CREDENTIAL, RefusedAnswer.PERMISSION, RefusedAnswer.BILLING})
"""Only the operator can resolve these."""
