"""The health of deployments: what calls reported about them, and when their breakers open and close.

A breaker is closed while the deployment serves. It opens when too many calls fail, and for as long as a provider asks with 429.
When its time is over, single calls try the deployment. One that succeeds closes the breaker, and one that fails opens it for
twice as long.
"""

import enum
from typing import Final

from gateway_core.model.record_decorator import record

HALF_LIFE_MS: Final = 5_000
"""After this time a call counts half."""
LEAST_FAILURES: Final = 3
FAILED_PERCENT: Final = 50
"""The share of failed calls at which a breaker opens, if there are `LEAST_FAILURES`."""
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
"""Also the longest that `retry-after` counts, and the pause after a provider has refused the gateway's account."""
TRIAL_MS: Final = 2_000
"""Of all replicas, one call tries a deployment in this time."""
FAILED_CALLER_MS: Final = 3_000
"""How long a caller whose call failed is served elsewhere, if possible."""


class Outcome(enum.StrEnum):
    """What a finished call says about its deployment."""

    SERVED = "served"
    """It answered. A refusal of the caller's request is an answer."""
    FAILED = "failed"
    """It could not be reached, broke off, took too long or answered with its own error."""
    LIMITED = "limited"
    """It answered with 429."""
    REFUSED = "refused"
    """It does not accept the gateway's account. Only the operator can resolve this."""


@record(frozen=True, slots=True)
class Observation:
    """What one call says about a deployment."""

    place: str
    outcome: Outcome
    placed_ms: int
    """When the call was decided. A call from before the breaker opened says nothing about it."""
    caller: str
    """The organization and the API key, as `caller_of` writes them."""
    retry_after_ms: int = 0


def caller_of(organization: str, api_key: str) -> str:
    """Returns the name of a caller. Ids of keys are unique only within their organization."""
    return f"{organization}/{api_key}"


@record(frozen=True, slots=True)
class Health:
    """The state of one breaker."""

    open_until_ms: int = 0
    pauses: int = 0
    """How often it has opened since it was last closed; 0 if it is closed."""

    @property
    def is_closed(self) -> bool:
        """Whether calls may go there."""
        return self.pauses == 0

    def awaits_trial(self, now_ms: int) -> bool:
        """Returns whether a single call may try the deployment."""
        return self.pauses > 0 and now_ms >= self.open_until_ms


HEALTHY: Final = Health()
