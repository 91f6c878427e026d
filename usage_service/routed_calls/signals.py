"""What of a finished call says something of the quality of its answer, without any text of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway_core.contract.usage_facts import UsageFact

TRUNCATED: Final = "truncated"
"""The answer ended at its output limit or at the end of the context window."""
REFUSED: Final = "refused"
"""The model or the provider's filter refused to answer."""
ABANDONED: Final = "abandoned"
"""The caller left before the end of the answer."""
FAILED: Final = "failed"
"""The provider failed, or returned an error."""
_ENDINGS: Final = {"length": TRUNCATED, "refused": REFUSED}
# By `SettlementDetail`.
_DETAILS: Final = {
    "client_disconnected": ABANDONED,
    "provider_error": FAILED,
    "provider_timeout": FAILED,
    "provider_reset": FAILED,
    "provider_unavailable": FAILED,
}


def signals_of(facts: Mapping[str, object], detail: str) -> Sequence[str]:
    """Returns the signals of a call.

    Args:
        facts: what Envoy's module read of the answer.
        detail: how the call was settled.
    """
    found = (_ENDINGS.get(str(facts.get(UsageFact.ENDING))), _DETAILS.get(detail))
    return [one for one in found if one is not None]
