"""Answers that the gateway did not pass on, and what its operator learns of them."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from gateway_core.contract.refused_answers import ACCOUNT_REFUSALS, RefusedAnswer
from gateway_core.contract.usage_facts import UsageFact
from usage_service.settlement.rows import RecordedSettlement, Settlement

logger = logging.getLogger(__name__)

_LOG_INTERVAL_S: Final = 60.0
_REFUSED_ANSWER: Final = UsageFact.REFUSED_ANSWER
"""Looked up once, because Python 3.11 finds members of enumerations slowly."""

_REASONS: Final = {str(reason): reason for reason in RefusedAnswer}


def refusals_of(settlement: Settlement) -> Iterator[tuple[str, RefusedAnswer]]:
    """Yields the providers whose answers were not passed on, each with the reason: of the last attempt, and of those before it.

    An attempt that the caller does not notice, because another deployment served the call, counts like one that failed it.
    """
    for attempt in settlement.failed_attempts:
        if attempt.refusal is not None:
            yield attempt.provider, attempt.refusal
    reason = settlement.report.facts.get(_REFUSED_ANSWER)
    if reason is not None and str(reason) in _REASONS:
        yield settlement.hold.claims.provider, _REASONS[str(reason)]


class ProviderRefusals:
    """Counts refused answers by provider and reason, and logs those that only the operator can resolve."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._logged_s: dict[tuple[str, str], float] = {}

    def note(self, recorded: Iterable[RecordedSettlement]) -> None:
        """Counts the refused answers of a committed batch. Logs at most one line a minute for a provider and reason."""
        for record in recorded:
            for provider, reason in refusals_of(record.settlement):
                self._count(provider, reason)

    def _count(self, provider: str, reason: RefusedAnswer) -> None:
        self.counts[provider, reason] += 1
        now_s = time.monotonic()
        last_s = self._logged_s.get((provider, reason))
        if reason not in ACCOUNT_REFUSALS or (last_s is not None and now_s < last_s + _LOG_INTERVAL_S):
            return
        self._logged_s[provider, reason] = now_s
        names = {"provider": provider, "reason": str(reason), "calls": self.counts[provider, reason]}
        logger.error("provider refuses the gateway's account", extra=names)
