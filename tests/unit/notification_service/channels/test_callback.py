"""Callbacks, verified with the reference library as receivers do."""

import base64
import datetime as dt
import json

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notification_service.channels import callback
from notification_service.channels.messages import DELIVERED, Endpoint, Outcome, Request
from notification_service.channels.signing import SecretError
from tests.unit.notification_service.channels.alerts import REACHED

SECRET, FORMER, STRANGER = (f"whsec_{base64.b64encode(bytes([number] * 32)).decode()}" for number in (1, 2, 3))
URL = "https://receiver.example/alerts"


def rendered(*secrets: str, later_s: int = 0) -> Request:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=later_s)
    return callback.render([REACHED], Endpoint(URL, secrets), now)


def test_the_event_is_signed_as_the_reference_library_verifies() -> None:
    request = rendered(SECRET)
    assert request.url == URL
    assert Webhook(SECRET).verify(request.body, request.headers) == {
        "id": "evt-1",
        "type": "budget.threshold_reached",
        "time": "2026-11-03T12:00:00Z",
        "data": dict(REACHED.data),
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(STRANGER).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"1812500000000", b"9812500000000"), request.headers)


def test_during_a_rotation_both_secrets_verify() -> None:
    request = rendered(SECRET, FORMER)
    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (SECRET, FORMER):
        Webhook(secret).verify(request.body, request.headers)


def test_a_later_attempt_has_the_same_id_and_body_and_a_new_time() -> None:
    first, second = rendered(SECRET), rendered(SECRET, later_s=60)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert first.headers["webhook-id"] == json.loads(first.body)["id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


@pytest.mark.parametrize("secret", ["plain", "whsec_", "whsec_not base64", SECRET.removeprefix("whsec_")])
def test_a_malformed_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(SecretError):
        rendered(secret)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_status_of_success_accepts(status: int) -> None:
    assert callback.judge(status, b"anything") == DELIVERED


@pytest.mark.parametrize("status", [101, 301, 307, 400, 404, 429, 500, 503])
def test_other_statuses_are_tried_again(status: int) -> None:
    verdict = callback.judge(status, b"no")
    assert (verdict.outcome, verdict.disables) == (Outcome.RETRY, False)
    assert str(status) in verdict.error


def test_gone_disables_the_channel() -> None:
    assert callback.judge(410, b"").disables
