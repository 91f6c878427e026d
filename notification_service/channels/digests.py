"""A digest in words. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from gateway_core.model.alerts.wording import MAX_SENTENCE_CHARACTERS, credits_text, mapping_in, one_line, scope_of

_MOST_ALERTS: Final = 5
_MOST_CONTRIBUTORS: Final = 3


def facts_of_digest(severity: str, organization: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what a digest lists: its most urgent alerts and the largest contributors, a fact each, at most nine."""
    digest = mapping_in(data, "digest")
    contributors = mapping_in(data, "topContributors").get("contributors", ())[:_MOST_CONTRIBUTORS]
    facts = [("Severity", severity.capitalize()), ("Organization", one_line(organization))]
    facts.extend(
        (str(one.get("severity", "")).capitalize(), one_line(one.get("summary", ""), MAX_SENTENCE_CHARACTERS))
        for one in digest.get("alerts", ())[:_MOST_ALERTS]
    )
    more = int(digest.get("count", 0)) - _MOST_ALERTS
    if more > 0:
        facts.append(("Further", f"{more} alerts"))
    spent = [f"{scope_of({'scope': one})} {credits_text(one.get('spentNanoCredits'))}" for one in contributors]
    if spent:
        facts.append(("Spent the most", ", ".join(spent)))
    return facts
