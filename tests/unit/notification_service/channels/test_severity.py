"""Every kind of channel says how urgent an alert is, and what is in a digest."""

from dataclasses import replace

import pytest

from gateway_core.model.alerts.event_types import DIGEST
from notification_service.channels.kinds import KINDS
from notification_service.channels.messages import Endpoint
from tests.unit.notification_service.channels.alerts import NOW, REACHED

ENDPOINT = Endpoint("https://receiver.example/hook", ("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",))


@pytest.mark.parametrize("kind", KINDS)
def test_severities_look_different(kind: str) -> None:
    """Seen to fail for Slack, DingTalk and WeCom, which showed none."""
    bodies = {
        KINDS[kind]
        .render([replace(REACHED, severity=severity, data={**REACHED.data, "severity": severity})], ENDPOINT, NOW)
        .shown_body
        for severity in ("INFO", "WARNING", "ALERT")
    }
    assert len(bodies) == 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "PAGERDUTY"])  # which gets each alert by itself
def test_a_digest_lists_its_alerts_and_who_spent_the_most(kind: str) -> None:
    entry = {"severity": "ALERT", "type": "budget.exhausted", "summary": "Calls of Tour are refused", "id": "evt-2"}
    data = {
        "severity": "ALERT",
        "scope": {"displayName": "Acme"},
        "digest": {"count": 7, "alerts": [entry]},
        "topContributors": {"contributors": [{"displayName": "Emma", "spentNanoCredits": "121500"}]},
    }
    body = KINDS[kind].render([replace(REACHED, event_type=DIGEST, data=data)], ENDPOINT, NOW).shown_body
    assert "Calls of Tour are refused" in body
    assert "Emma" in body
