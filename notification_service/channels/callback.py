"""A callback: the event itself as JSON, signed by Standard Webhooks. Any status of success accepts it."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Final

from notification_service.channels.messages import (
    DELIVERED,
    Alert,
    Endpoint,
    Kind,
    Request,
    Verdict,
    beginning,
    by_status,
    is_success,
)
from notification_service.channels.signing import signature_headers


def event_body(alert: Alert) -> bytes:
    """Returns the event as JSON: the same bytes in every attempt."""
    event = {
        "id": alert.event_id,
        "type": alert.event_type,
        "time": alert.time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "data": alert.data,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def render(alerts: Sequence[Alert], endpoint: Endpoint, now: dt.datetime) -> Request:
    """Returns the signed event."""
    (alert,) = alerts
    body = event_body(alert)
    signatures = signature_headers(alert.event_id, int(now.timestamp()), body, endpoint.secrets)
    return Request(endpoint.target, {"content-type": "application/json", **signatures}, body, body.decode())


def judge(status: int, body: bytes) -> Verdict:
    """Only a status of success accepts an event."""
    return DELIVERED if is_success(status) else by_status(status, beginning(body))


KIND: Final = Kind(render, judge, interval_s=0.0, is_chat=False)
