"""The attempts of a call at several deployments that failed before the one that was answered. They cost nothing."""

from collections.abc import Sequence
from typing import Final

from gateway_core.contract.refused_answers import ACCOUNT_REFUSALS, RefusedAnswer
from gateway_core.model.calls.holds import Rung
from gateway_core.model.limits.model_whitelists import qualified_name
from gateway_core.model.record_decorator import record

BROKEN: Final = "broken"
"""What happened to an attempt without an answer: no connection, a broken one, or no answer in time."""
_STATUS_DIGITS: Final = 3
_ACCOUNT_REFUSALS: Final = {str(reason): reason for reason in ACCOUNT_REFUSALS}


@record(frozen=True, slots=True)
class FailedAttempt:
    """An attempt that was not answered, or with an error that costs nothing."""

    provider: str
    served_model: str
    happened: str
    """The status, `broken`, or why the gateway's account was refused, such as `billing`."""
    retry_after_s: int | None = None
    """When the provider allows the next call, if it said so."""
    own_key: bool = False
    """Whether it carried the organization's own key, so that it says nothing about the gateway's account."""

    @property
    def refusal(self) -> RefusedAnswer | None:
        """Why the provider refused the gateway's account; None if it did not."""
        return None if self.own_key else _ACCOUNT_REFUSALS.get(self.happened)

    @property
    def place(self) -> str:
        """The name of the deployment: `azure-eu/gpt-4o`."""
        return qualified_name(self.served_model, self.provider)

    def __str__(self) -> str:
        """Returns the deployment and what happened: `azure-eu/gpt-4o=429`."""
        return f"{self.place}={self.happened}"


def failed_attempts_of(rungs: Sequence[Rung], attempts: int, notes: object) -> tuple[FailedAttempt, ...]:
    """Returns the attempts before the last one, in their order.

    Args:
        rungs: the deployments at which the call might be tried.
        attempts: how many attempts there were.
        notes: what the module reports of them (`UsageFact.ATTEMPTS`).
    """
    words = notes.split(" ") if isinstance(notes, str) else []
    failed = []
    for index, rung in enumerate(rungs[: max(min(attempts, len(rungs)) - 1, 0)]):
        answer, _, wait = (words[index] if index < len(words) else "").partition("/")
        status, _, reason = answer.partition("!")
        is_status = status.isdigit() and len(status) == _STATUS_DIGITS
        happened = reason if reason in _ACCOUNT_REFUSALS else status if is_status else BROKEN
        failed.append(
            FailedAttempt(
                rung.provider,
                rung.served_model,
                happened,
                int(wait) if wait.isdigit() and wait.isascii() else None,
                rung.own_key,
            )
        )
    return tuple(failed)
