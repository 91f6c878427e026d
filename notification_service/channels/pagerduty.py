"""PagerDuty, Events API v2. The secret of the channel is the routing key of an integration.

All alerts about one budget in one period share a `dedup_key`, so they are one incident, which a recovery resolves. So a message
has one alert. `summary` has at most 1,024 characters, `dedup_key` 255, and a request 512 KB. Success is 202. 400 names a fault of
the event. 429 asks to wait for some minutes. PagerDuty drops a resolution of what is not open.
https://developer.pagerduty.com/docs/events-api-v2-overview, https://developer.pagerduty.com/docs/send-alert-event
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from gateway_core.model.alerts.event_types import ALERT_CLOSED, ENDS
from gateway_core.model.alerts.wording import one_line
from notification_service.channels.messages import (
    DELIVERED,
    TOO_MANY_REQUESTS,
    Alert,
    Endpoint,
    Kind,
    Outcome,
    Request,
    Verdict,
    beginning,
    by_status,
    json_object,
    json_request,
)
from notification_service.channels.wording import facts_of, title_of

_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_PAUSE_S: Final = 180.0
_MAX_SUMMARY_CHARACTERS: Final = 1_024
_RESOLVES: Final = frozenset({*ENDS, ALERT_CLOSED})
_SEVERITIES: Final = {"INFO": "info", "WARNING": "warning", "ALERT": "critical"}


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns an event that opens an incident, or resolves it."""
    (alert,) = alerts
    action = "resolve" if alert.event_type in _RESOLVES else "trigger"
    body: dict[str, Any] = {
        "routing_key": endpoint.secrets[0] if endpoint.secrets else "",
        "event_action": action,
        "dedup_key": hashlib.sha256(alert.subject_key.encode()).hexdigest(),
        "payload": {
            "summary": title_of(alert)[:_MAX_SUMMARY_CHARACTERS],
            "source": one_line(alert.organization) or "MegaRouter",
            "severity": _SEVERITIES.get(alert.severity, "warning"),
            "timestamp": alert.time.astimezone(dt.UTC).isoformat(),
            "component": "MegaRouter",
            "class": alert.event_type,
            "custom_details": dict(facts_of(alert)),
        },
    }
    return json_request(endpoint.target, body, {**body, "routing_key": "…"})


def judge(status: int, body: bytes) -> Verdict:
    """Only 202 with `success` accepts an event. 400 names a fault that remains, 429 wants a pause."""
    if status == _ACCEPTED and json_object(body).get("status") == "success":
        return DELIVERED
    verdict = by_status(status, beginning(body))
    if status == TOO_MANY_REQUESTS:
        return Verdict(Outcome.RETRY, verdict.error, pause_s=_PAUSE_S)
    return Verdict(Outcome.REFUSED, verdict.error) if status == _BAD_REQUEST else verdict


KIND: Final = Kind(render, judge, interval_s=0.6, burst=10, is_chat=False)
