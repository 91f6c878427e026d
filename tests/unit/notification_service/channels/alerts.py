"""Alerts for tests of channels."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway_core.model.alerts import event_types
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
UNKNOWN_TYPE = "key.about_to_expire"
"""That no module knows."""
EVERY_TYPE = (*event_types.OF_RULES, event_types.TEST, UNKNOWN_TYPE)
HOSTILE_NAME = (
    "<!channel> @everyone @all **x** [a](http://e.example) & <at id=all></at> <@everyone> ` | <script>alert(1)</script>"
)
LONG_NAME = "研发团队队" * 51
"""255 characters, each of three bytes."""
CHAT = Endpoint("https://chat.example/hook/secret-path?key=secret-key")
ROUTING_KEY = "routing-key-of-32-characters-000"
_SECRETS = {"CALLBACK": ("whsec_AAAA",), "PAGERDUTY": (ROUTING_KEY,), "FEISHU": ("secret",), "DINGTALK": ("secret",)}
_ADDRESS = Endpoint("ops@acme.example", (), "gateway@megarouter.example")

Render = Callable[[Sequence[Alert], Endpoint, dt.datetime], Request]


def named(name: str, alert: Alert = REACHED) -> Alert:
    """An alert of and about something with another name."""
    data = {**alert.data, "scope": {"displayName": name}, "budget": {**alert.data["budget"], "models": name}}
    return replace(alert, data={**data, "reason": name}, organization=name)


def endpoint_of(kind: str) -> Endpoint:
    """A valid endpoint of a kind."""
    return _ADDRESS if kind == "EMAIL" else replace(CHAT, secrets=_SECRETS.get(kind, ()))


def of_type(event_type: str) -> Alert:
    """An alert of another type, with the same data."""
    return replace(REACHED, event_type=event_type)


def many(count: int, alert: Alert = REACHED) -> list[Alert]:
    """Alerts with ids of their own."""
    return [replace(alert, event_id=f"evt-{number}") for number in range(count)]


def body_of(request: Request) -> Any:
    """The JSON that is sent."""
    return json.loads(request.body)
