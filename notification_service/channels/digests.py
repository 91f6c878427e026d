"""A digest in words. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from gateway_core.model.alerts.wording import MAX_SENTENCE_CHARACTERS, credits_text, mapping_in, one_line, scope_of

_MOST_ALERTS: Final = 10
_MOST_CONTRIBUTORS: Final = 3


def facts_of_digest(severity: str, organization: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what there is to know of a digest besides its alerts: at most three facts."""
    contributors = mapping_in(data, "topContributors").get("contributors", ())[:_MOST_CONTRIBUTORS]
    facts = [("Severity", severity.capitalize()), ("Organization", one_line(organization))]
    spent = [f"{scope_of({'scope': one})} {credits_text(one.get('spentNanoCredits'))}" for one in contributors]
    if spent:
        facts.append(("Spent the most", ", ".join(spent)))
    return facts


def entries_of_digest(data: Mapping[str, Any]) -> list[str]:
    """Returns the most urgent alerts of a digest, one line each, and how many there are besides."""
    digest = mapping_in(data, "digest")
    entries = [
        f"{str(one.get('severity', '')).capitalize()}: {one_line(one.get('summary', ''), MAX_SENTENCE_CHARACTERS)}"
        for one in digest.get("alerts", ())[:_MOST_ALERTS]
    ]
    more = int(digest.get("count", 0)) - len(entries)
    return [*entries, f"{more} further alert{'' if more == 1 else 's'}"] if more > 0 else entries
