"""Logs are JSON, one object per line, and contain no secrets (fault G3)."""

import io
import json
import logging
from typing import Any

import pytest

from gateway_core.model.calls.holds import sign_hold
from gateway_core.model.organization.bearer_secrets import (
    ACCESS_TOKEN,
    API_KEY,
    CREDENTIAL,
    INVITE_TOKEN,
    REPORT_LINK,
    SIGN_IN_LINK,
)
from gateway_core.runtime.telemetry.logs import JsonFormatter
from tests.support.data.example_hold import HOLD

KEY = API_KEY.make(b"canary-canary-canary-canary-1234")
TOKEN = sign_hold(HOLD, b"k" * 32)
URL = "postgresql://megarouter:canary-password@db:5432/megarouter"
BEARERS = [
    kind.make(b"canary-canary-canary-canary-1234")
    for kind in (ACCESS_TOKEN, INVITE_TOKEN, CREDENTIAL, SIGN_IN_LINK, REPORT_LINK)
]
CANARIES = pytest.mark.parametrize(
    ("secret", "hidden"),
    [
        (KEY, KEY),
        (TOKEN, TOKEN),
        *((secret, secret) for secret in BEARERS),
        (URL, "canary-password"),
        ("redis://:canary-password@host", "canary-password"),
        ("rediss+cluster://u:canary-password@host:1,host:2", "canary-password"),
    ],
    ids=[
        "API key",
        "hold token",
        "access token",
        "invite",
        "credential",
        "sign-in link",
        "report link",
        "password in a URL",
        "password without a user",
        "password of a cluster",
    ],
)


class Log:
    """A logger whose output a test can read."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(JsonFormatter("authz_service"))
        self.logger = logging.Logger("tests.log", logging.DEBUG)  # noqa: LOG001  # must not be shared with other tests
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_line_has_time_service_and_message(log: Log) -> None:
    log.logger.warning("holds wait for %s", "PostgreSQL", extra={"holds": 3, "error": "TimeoutError"})
    (line,) = log.lines
    time = line.pop("time")
    assert time.endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "service": "authz_service",
        "logger": "tests.log",
        "message": "holds wait for PostgreSQL",
        "holds": 3,
        "error": "TimeoutError",
    }


def test_every_record_is_one_line(log: Log) -> None:
    log.logger.info("one\ntwo\r\nthree", extra={"text": 'quote " and\nline'})
    log.logger.info("four")
    assert [line["message"] for line in log.lines] == ["one\ntwo\r\nthree", "four"]
    assert log.text.count("\n") == 2


def test_values_without_a_json_form_are_written_as_text(log: Log) -> None:
    log.logger.info("x", extra={"path": object, "raw": b"bytes"})
    assert log.lines[0]["raw"] == "b'bytes'"


def test_an_exception_is_logged_on_one_line(log: Log) -> None:
    try:
        raise RuntimeError("boom")  # noqa: TRY301  # raised to be logged
    except RuntimeError:
        log.logger.exception("failed")
    (line,) = log.lines
    assert line["exception"].startswith("Traceback")
    assert "RuntimeError: boom" in line["exception"]


@CANARIES
def test_a_secret_in_the_message_is_removed(log: Log, secret: str, hidden: str) -> None:
    log.logger.info("before %s after", secret)
    (line,) = log.lines
    assert hidden not in log.text
    assert line["message"].startswith("before ")
    assert line["message"].endswith(" after")
    assert "[removed]" in line["message"]


@CANARIES
def test_a_secret_in_a_field_is_removed(log: Log, secret: str, hidden: str) -> None:
    log.logger.info("x", extra={"field": {"nested": [secret]}})
    assert hidden not in log.text
    assert "[removed]" in json.dumps(log.lines[0]["field"])


@CANARIES
def test_a_secret_in_an_exception_is_removed(log: Log, secret: str, hidden: str) -> None:
    try:
        raise ValueError(secret)  # noqa: TRY301  # raised to be logged
    except ValueError:
        log.logger.exception("failed")
    assert hidden not in log.text
    assert "[removed]" in log.lines[0]["exception"]


def test_the_obfuscated_form_of_a_key_stays(log: Log) -> None:
    log.logger.info("key %s, see https://docs.example/keys", API_KEY.obfuscated(KEY))
    assert log.lines[0]["message"] == f"key {API_KEY.obfuscated(KEY)}, see https://docs.example/keys"
