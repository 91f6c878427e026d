"""An alert for tests of channels."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

from notification_service.channels.messages import Alert, Endpoint, Request

NOW = dt.datetime(2026, 11, 3, 12, 0, 5, tzinfo=dt.UTC)
REACHED = Alert(
    event_id="evt-1",
    event_type="budget.threshold_reached",
    severity="WARNING",
    time=dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC),
    data={
        "version": 1,
        "severity": "WARNING",
        "scope": {"name": "organizations/acme/groups/team-a", "displayName": "Team A"},
        "budget": {
            "limitNanoCredits": "2000000000000",
            "cycle": "MONTHLY",
            "models": None,
            "periodEndTime": "2026-12-01T00:00:00Z",
        },
        "threshold": {"percent": 90, "amountNanoCredits": "1800000000000"},
        "spentNanoCredits": "1812500000000",
        "proof": {"ledgerPosition": "7"},
    },
    organization="Acme",
    subject_key="acme\nbudgets\ngroup\nteam-a\nmonthly",
)
HOSTILE_NAME = "<!channel> @everyone **x** [a](http://evil.example) & <at id=all></at> `"


def named(name: str) -> Alert:
    """The alert about a scope with another name."""
    return replace(REACHED, data={**REACHED.data, "scope": {"displayName": name}})


def body_of(request: Request) -> Any:
    """The JSON that is sent."""
    return json.loads(request.body)


CHAT = Endpoint("https://chat.example/hook/secret-path?key=secret-key")
