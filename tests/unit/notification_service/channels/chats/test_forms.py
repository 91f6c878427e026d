"""What is particular to each product's form."""

import base64
import hashlib
import hmac
from dataclasses import replace

import httpx

from notification_service.channels import pagerduty
from notification_service.channels.chats import dingtalk, discord, feishu, slack, teams, wecom
from notification_service.channels.messages import Endpoint
from notification_service.channels.wording import title_of
from tests.unit.notification_service.channels.alerts import CHAT, NOW, REACHED, body_of, many, named

TITLE = "Team A has used 90 % of its monthly budget"
SIGNED = replace(CHAT, secrets=("SEC-of-the-robot",))


def test_a_title_says_what_happened() -> None:
    assert title_of(REACHED) == TITLE
    assert (
        title_of(replace(REACHED, event_type="budget.recovered")) == "Team A is below 90 % of its monthly budget again"
    )
    assert title_of(replace(REACHED, event_type="key.about_to_expire")) == "Key: about to expire (Team A)"
    amount = {**REACHED.data, "threshold": {"percent": None, "amountNanoCredits": "1500000000"}}
    assert title_of(replace(REACHED, data=amount)) == "Team A has used 1.50 credits of its monthly budget"


def test_slack_gets_blocks() -> None:
    body = body_of(slack.render([REACHED], CHAT, NOW))
    header, section = body["blocks"]
    assert header["text"] == {"type": "plain_text", "text": TITLE, "emoji": False}
    assert {"type": "mrkdwn", "text": "*Spent*\n1812.50 credits", "verbatim": True} in section["fields"]
    assert len(section["fields"]) <= 10
    assert body["text"].startswith(TITLE)


def test_teams_gets_an_adaptive_card() -> None:
    body = body_of(teams.render([REACHED], CHAT, NOW))
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert (card["body"][0]["text"], card["body"][0]["color"]) == (TITLE, "warning")
    assert {"title": "Budget", "value": "2000.00 credits"} in card["body"][1]["facts"]


def test_discord_gets_an_embed_and_is_asked_for_the_message() -> None:
    request = discord.render([REACHED], CHAT, NOW)
    body = body_of(request)
    assert dict(httpx.URL(request.url).params) == {"key": "secret-key", "wait": "true"}
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    assert (embed["title"], embed["timestamp"]) == (TITLE, "2026-11-03T12:00:00+00:00")
    assert len(embed["fields"]) <= 25


def test_feishu_gets_a_card_signed_with_nothing_as_the_message() -> None:
    request = feishu.render([REACHED], SIGNED, NOW)
    body = body_of(request)
    key = f"{int(NOW.timestamp())}\nSEC-of-the-robot".encode()
    assert body["timestamp"] == str(int(NOW.timestamp()))
    assert body["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert body["msg_type"] == "interactive"
    assert body["card"]["header"]["title"] == {"tag": "plain_text", "content": TITLE}
    assert body["sign"] not in request.shown_body
    assert "sign" not in body_of(feishu.render([REACHED], CHAT, NOW))


def test_dingtalk_gets_markdown_signed_in_the_url() -> None:
    request = dingtalk.render([REACHED], SIGNED, NOW)
    parameters = dict(httpx.URL(request.url).params)
    time_ms = str(int(NOW.timestamp() * 1_000))
    digest = hmac.new(b"SEC-of-the-robot", f"{time_ms}\nSEC-of-the-robot".encode(), hashlib.sha256).digest()
    assert parameters == {"key": "secret-key", "timestamp": time_ms, "sign": base64.b64encode(digest).decode()}
    body = body_of(request)
    assert (body["msgtype"], body["markdown"]["title"], body["at"]) == ("markdown", TITLE, {"isAtAll": False})
    assert dict(httpx.URL(dingtalk.render([REACHED], CHAT, NOW).url).params) == {"key": "secret-key"}


def test_wecom_gets_at_most_4096_bytes() -> None:
    body = body_of(wecom.render([REACHED], CHAT, NOW))
    assert body["msgtype"] == "markdown"
    assert body["markdown"]["content"].startswith(f"**{TITLE}**\n")
    wide = [replace(one, event_id="队" * 5_000) for one in many(50, named("队" * 5_000))]
    assert len(body_of(wecom.render(wide, CHAT, NOW))["markdown"]["content"].encode()) <= 4_096


def test_pagerduty_opens_an_incident_and_resolves_the_same() -> None:
    endpoint = Endpoint("https://events.pagerduty.com/v2/enqueue", ("routing-key-of-32-characters",))
    request = pagerduty.render([REACHED], endpoint, NOW)
    body = body_of(request)
    assert (body["event_action"], body["routing_key"]) == ("trigger", "routing-key-of-32-characters")
    assert body["payload"]["severity"] == "warning"
    assert body["payload"]["summary"] == TITLE
    assert len(body["dedup_key"]) <= 255
    assert "routing-key" not in request.shown_body
    recovered = replace(REACHED, event_type="budget.recovered", event_id="evt-2", severity="INFO")
    resolved = body_of(pagerduty.render([recovered], endpoint, NOW))
    assert (resolved["event_action"], resolved["dedup_key"]) == ("resolve", body["dedup_key"])
    closed = body_of(pagerduty.render([replace(REACHED, event_type="alert.closed", event_id="evt-3")], endpoint, NOW))
    assert (closed["event_action"], closed["dedup_key"]) == ("resolve", body["dedup_key"])
    other = pagerduty.render([replace(REACHED, subject_key="another period")], endpoint, NOW)
    assert body_of(other)["dedup_key"] != body["dedup_key"]
