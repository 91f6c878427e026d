"""What a digest says. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.rules import Place
from gateway_core.model.alerts.wording import sentence_of
from gateway_core.model.organization.scope_names import resource_name
from usage_service.alerts.events import hashed_id
from usage_service.alerts.held.decisions import Digest

MOST_ENTRIES: Final = 20
"""Of the alerts of a digest, the most urgent ones are listed. All are counted."""
MOST_CONTRIBUTORS: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert in a digest."""

    event_id: str
    event_type: str
    severity: str
    occur_time: dt.datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contributor:
    """Who spent much meanwhile."""

    place: Place
    spent_nano_credits: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a digest."""

    place: Place
    """The scope of the rule."""
    start_time: dt.datetime
    """Of the first alert."""
    end_time: dt.datetime
    """Of the last alert."""
    alert_count: int
    """Of severity `ALERT`."""
    warning_count: int
    entries: Sequence[Entry]
    since: dt.datetime
    """From when on spend counts for the contributors."""
    contributors: Sequence[Contributor]


def digest_id(organization: str, channel: str, digest: Digest) -> str:
    """Returns the id of a digest, which follows from what is in it."""
    return hashed_id("evt", organization, channel, *sorted(one.event_id for one in digest.entries))


def digest_data(organization: str, digest: Digest, contents: Contents) -> Mapping[str, object]:
    """Returns what receivers get."""
    count = len(digest.entries)
    return {
        "version": VERSION,
        "severity": digest.severity,
        "organization": f"organizations/{organization}",
        "rule": f"organizations/{organization}/notificationRules/{digest.entries[0].rule}",
        "scope": _scope(organization, contents.place),
        "digest": {
            "frequency": digest.frequency.value,
            "startTime": _text(contents.start_time),
            "endTime": _text(contents.end_time),
            "count": count,
            "countBySeverity": {
                "ALERT": contents.alert_count,
                "WARNING": contents.warning_count,
                "INFO": count - contents.alert_count - contents.warning_count,
            },
            "alerts": [
                {
                    "id": one.event_id,
                    "type": one.event_type,
                    "severity": one.severity,
                    "time": _text(one.occur_time),
                    "summary": sentence_of(one.event_type, one.data),
                }
                for one in contents.entries
            ],
        },
        "topContributors": {
            "startTime": _text(contents.since),
            "contributors": [
                {**_scope(organization, one.place), "spentNanoCredits": str(one.spent_nano_credits)}
                for one in contents.contributors
            ],
        },
    }


def _scope(organization: str, place: Place) -> dict[str, str]:
    return {
        "name": resource_name(organization, place.scope.kind, place.scope.scope_id),
        "displayName": place.display_name,
    }


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
