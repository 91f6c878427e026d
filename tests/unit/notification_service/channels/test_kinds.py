"""Every kind puts every event into the form that its product documents, whatever names are in it."""

import html
import json
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from notification_service.channels.kinds import KINDS, MERGING
from notification_service.channels.wording import MOST_FACTS, facts_of, title_of
from tests.support.chats.schemas import DOCUMENTED, require_accepted
from tests.unit.notification_service.channels.alerts import (
    EVERY_TYPE,
    HOSTILE_NAME,
    LONG_NAME,
    NOW,
    REACHED,
    endpoint_of,
    many,
    named,
    of_type,
)

ESCAPED = re.compile(r"\\.")
# What each product would take for a mention, a link or markup. Slack, Feishu and PagerDuty are asked for plain texts below.
LIVE = {
    "SLACK": re.compile(r"<[!@#]|<http|<script"),
    "TEAMS": re.compile(r"<at|\]\(|\*\*x"),
    "DISCORD": re.compile(r"@everyone|<@|\]\(|\*\*x"),
    "DINGTALK": re.compile(r"@|\]\(|\*\*x"),
    "WECOM": re.compile(r"<@|@all|\]\(|\*\*x"),
}


def texts_of(value: object) -> list[str]:
    """All texts in a message."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts_of(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    "name", ["Team A", LONG_NAME, HOSTILE_NAME, "\n\t\0\u202e"], ids=["plain", "long", "hostile", "odd"]
)
@pytest.mark.parametrize("event_type", EVERY_TYPE)
@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_event_has_the_documented_form(kind: str, event_type: str, name: str) -> None:
    alert = named(name, of_type(event_type))
    require_accepted(kind, KINDS[kind].render([alert], endpoint_of(kind), NOW).body)


@pytest.mark.parametrize("name", ["Team A", LONG_NAME, HOSTILE_NAME], ids=["plain", "long", "hostile"])
@pytest.mark.parametrize("kind", [kind for kind in MERGING if kind in DOCUMENTED])
def test_as_many_alerts_as_the_product_takes_go_into_one_message(kind: str, name: str) -> None:
    alerts = many(500, named(name))
    count = KINDS[kind].count_that_fits(alerts)
    request = KINDS[kind].render(alerts[:count], endpoint_of(kind), NOW)
    require_accepted(kind, request.body)
    shown = " ".join(texts_of(json.loads(request.body)))
    assert shown.count("90 %") >= count
    assert count > (8 if name == "Team A" else 1)


def test_an_alert_too_long_for_company_goes_alone() -> None:
    kind = replace(KINDS["WECOM"], fits=lambda _alerts: False)
    assert kind.count_that_fits(many(5)) == 1


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", sorted(LIVE))
def test_a_name_mentions_no_one_and_adds_no_link(kind: str, count: int) -> None:
    body = json.loads(KINDS[kind].render(many(count, named(HOSTILE_NAME)), endpoint_of(kind), NOW).body)
    if kind == "SLACK":
        del body["blocks"][0]  # plain text, where nothing is markup
    if kind == "TEAMS":
        del body["attachments"][0]["content"]["fallbackText"]  # shown as it is
    if kind == "DINGTALK":
        assert "@" not in body["markdown"].pop("title")  # shown as it is in lists of chats
    live = [text for text in texts_of(body) if LIVE[kind].search(ESCAPED.sub("", text))]
    assert live == []


@pytest.mark.parametrize("event_type", EVERY_TYPE)
def test_an_e_mail_has_a_text_and_a_page_without_markup_of_names(event_type: str) -> None:
    request = KINDS["EMAIL"].render([named(HOSTILE_NAME, of_type(event_type))], endpoint_of("EMAIL"), NOW)
    message = message_from_bytes(request.body, policy=policy.default)
    assert (message["To"], message["From"]) == ("ops@acme.example", "gateway@megarouter.example")
    text, page = (part.get_content() for part in message.iter_parts())
    title = title_of(named(HOSTILE_NAME, of_type(event_type)))
    assert message["Subject"] == title
    assert title in text
    assert html.escape(title) in page
    assert "<script" not in page
    assert "<at id" not in page


def test_an_e_mail_keeps_its_id_and_other_alerts_have_another() -> None:
    def id_of(count: int) -> str:
        request = KINDS["EMAIL"].render(many(count), endpoint_of("EMAIL"), NOW)
        return str(message_from_bytes(request.body, policy=policy.default)["Message-ID"])

    assert id_of(2) == id_of(2) != id_of(3)
    assert id_of(2).endswith("@megarouter.example>")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_long_name_fits_into_every_form(kind: str) -> None:
    alert = named("n" * 100_000)
    request = KINDS[kind].render([alert], endpoint_of(kind), NOW)
    if kind != "CALLBACK":
        assert len(request.body) < 20_000
        assert len(title_of(alert)) < 260


def test_facts_are_what_the_data_has() -> None:
    """So a new type of event needs no code here."""
    data = {
        "version": 1,
        "key": {"displayName": "CI", "expireTime": "2026-12-01T08:00:00Z"},
        "isUnused": True,
        "balanceNanoCredits": "12500000000",
        "severity": "INFO",
    }
    assert facts_of(replace(REACHED, data=data)) == [
        ("Severity", "Warning"),
        ("Organization", "Acme"),
        ("Is unused", "yes"),
        ("Balance", "12.50 credits"),
        ("Key", "CI"),
        ("Expires", "2026-12-01 08:00 UTC"),
        ("Event", "evt-1"),
    ]
    assert len(facts_of(replace(REACHED, data={f"name{number}": "x" for number in range(100)}))) == MOST_FACTS


def test_facts_are_short_and_tell_parts_apart() -> None:
    """Seen to name two figures the same, and settings as programs do."""
    data = {
        "savedNanoCredits": "2000000000",
        "simple": {"savedNanoCredits": "1500000000"},
        "auditLogEntry": "organizations/acme/auditLogEntries/815",
        "changedFields": ["budgetNanoCredits", "cycle"],
    }
    assert facts_of(replace(REACHED, data=data))[2:-1] == [
        ("Saved", "2.00 credits"),
        ("Audit log entry", "815"),
        ("Changed", "budget, cycle"),
        ("Simple: saved", "1.50 credits"),
    ]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_bucket_lets_no_more_through_than_the_product_takes_in_any_minute(kind: str) -> None:
    limits = {"DINGTALK": 20, "WECOM": 20, "FEISHU": 100, "SLACK": 60, "DISCORD": 30, "PAGERDUTY": 120}
    described = KINDS[kind]
    if kind in limits:
        assert described.burst + 60 / described.interval_s <= limits[kind]
