"""The signatures are those that AWS's own library (botocore) made at the same time with the same key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mock_provider.arriving.aws_signatures import AccessKey, Arrived, problem_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_SCOPE = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/eu-central-1/bedrock/aws4_request"
PLAIN = Arrived(
    "POST",
    "/model/eu.anthropic.claude-sonnet-4-5-v1%3A0/invoke",
    {
        "host": "bedrock-runtime.eu-central-1.amazonaws.com",
        "content-type": "application/json",
        "x-amz-date": "20260301T120000Z",
        "authorization": f"{_SCOPE}, SignedHeaders=content-type;host;x-amz-date, "
        "Signature=4b5b0b9f1af72280cc7c639fc50d2af6c7361d74d021605fd59cde3fcc5dffd2",
    },
    b'{"a":1}',
)
TEMPORARY = Arrived(
    "POST",
    "/anthropic/v1/messages?beta=true&a=b%20c",
    {
        "host": "bedrock-runtime.eu-central-1.amazonaws.com",
        "content-type": "application/json",
        "x-amz-date": "20260301T120000Z",
        "x-amz-security-token": "session/token+==",
        "authorization": f"{_SCOPE}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        "Signature=0e13ee99057370cb170022968a8659d2039a994594314beedd0d6ffacf0cb4e0",
    },
    b'{"a":1}',
)
KEYS = {"AKIDEXAMPLE": AccessKey(SECRET)}
TEMPORARY_KEYS = {"AKIDEXAMPLE": AccessKey(SECRET, "session/token+==")}


def without(request: Arrived, name: str) -> Arrived:
    return replace(request, headers={key: value for key, value in request.headers.items() if key != name})


def with_header(request: Arrived, name: str, value: str) -> Arrived:
    return replace(request, headers={**request.headers, name: value})


@pytest.mark.parametrize(("request_", "keys"), [(PLAIN, KEYS), (TEMPORARY, TEMPORARY_KEYS)])
def test_a_signature_of_awss_library_is_right(request_: Arrived, keys: dict[str, AccessKey]) -> None:
    assert problem_of(request_, keys, NOW) is None


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (without(PLAIN, "authorization"), "Missing Authentication Token"),
        (replace(PLAIN, body=b'{"a":2}'), "does not match"),
        (replace(PLAIN, target=PLAIN.target.replace("%3A", ":")), "does not match"),
        (replace(PLAIN, target=PLAIN.target + "?x=1"), "does not match"),
        (replace(PLAIN, method="PUT"), "does not match"),
        (with_header(PLAIN, "host", "elsewhere.example"), "does not match"),
        (with_header(PLAIN, "x-amz-security-token", "another"), "security token"),
        (with_header(PLAIN, "x-amz-target", "unsigned"), "x-amz-target"),
        (with_header(PLAIN, "x-amz-date", "yesterday"), "Signature expired"),
    ],
)
def test_whatever_was_not_signed_so_is_refused(request_: Arrived, problem: str) -> None:
    assert problem in (problem_of(request_, KEYS, NOW) or "")


def test_an_old_signature_is_refused() -> None:
    assert "Signature expired" in (problem_of(PLAIN, KEYS, NOW + timedelta(minutes=6)) or "")


def test_an_unknown_access_key_is_refused() -> None:
    assert "security token" in (problem_of(PLAIN, {}, NOW) or "")
