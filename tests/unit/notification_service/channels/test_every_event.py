"""Every kind of channel has a form for every event."""

from dataclasses import replace

import pytest

from gateway_core.model.alerts import event_types
from notification_service.channels import pagerduty
from notification_service.channels.kinds import KINDS
from notification_service.channels.messages import Alert, Endpoint
from notification_service.channels.wording import MOST_FACTS, facts_of, title_of
from tests.unit.notification_service.channels.alerts import NOW, REACHED, body_of
from tools.pages.alert_examples import example_of

ENDPOINT = Endpoint("https://chat.example/hook", ("whsec_c2VjcmV0",))


def alert(event_type: str) -> Alert:
    return replace(REACHED, event_type=event_type, data=example_of(event_type))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_a_message_says_what_happened(kind: str, event_type: str) -> None:
    shown = KINDS[kind].render([alert(event_type)], ENDPOINT, NOW).shown_body
    wanted = event_type if kind == "CALLBACK" else title_of(alert(event_type)).split()[-1]
    # Products escape what has a meaning in them.
    assert wanted.rstrip("%") in shown.replace("\\", "")


@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_the_facts_are_few_and_none_is_empty(event_type: str) -> None:
    facts = facts_of(alert(event_type))
    assert len(facts) <= MOST_FACTS
    assert all(value and "None" not in value for _, value in facts)


@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_an_incident_is_resolved_by_what_says_that_it_is_over(event_type: str) -> None:
    body = body_of(pagerduty.render([alert(event_type)], ENDPOINT, NOW))
    assert body["event_action"] == ("resolve" if event_type in event_types.ENDS else "trigger")
