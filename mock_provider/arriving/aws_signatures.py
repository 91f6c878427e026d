"""Checks signatures of AWS (Signature Version 4) by computing them again from what really arrived.

Written from AWS's description, so that it shares no mistake with what signs: the path is encoded once more, as every service
except S3 demands, the query is sorted, and the body is hashed, whatever the request says about its hash.
"""

import configparser
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>[^/ ]+)/(?P<day>\d{{8}})/(?P<region>[^/ ]+)/(?P<service>[^/ ]+)/aws4_request, ?"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_TIME = "%Y%m%dT%H%M%SZ"
_SKEW_MAX_S = 300
_MUST_BE_SIGNED = ("host", "x-amz-date")
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key that may call."""

    secret: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it arrived."""

    method: str
    target: str
    """The path and the query of the request line, byte by byte."""
    headers: Mapping[str, str]
    """By lowercase name."""
    body: bytes


def read_access_keys(file: Path) -> dict[str, AccessKey]:
    """Reads access keys from a file of the form that AWS calls shared credentials, one for each profile.

    Raises:
        KeyError: a profile lacks a field.
        OSError: the file cannot be read.
        configparser.Error: the file has another form.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(file.read_text(encoding="utf-8"))
    profiles = [parser[name] for name in parser.sections()]
    return {
        one["aws_access_key_id"]: AccessKey(one["aws_secret_access_key"], one.get("aws_session_token"))
        for one in profiles
    }


def access_key_of(authorization: str) -> str | None:
    """Returns the id of the access key that made a signature; None if the header has none."""
    found = _CREDENTIAL.fullmatch(authorization)
    return found["key"] if found else None


def problem_of(request: Arrived, keys: Mapping[str, AccessKey], now: datetime) -> str | None:
    """Returns why AWS would refuse the request with 403; None if it is signed correctly."""
    found = _CREDENTIAL.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "Missing Authentication Token"
    key = keys.get(found["key"])
    if key is None or request.headers.get("x-amz-security-token") != key.session_token:
        return "The security token included in the request is invalid."
    names = found["names"].split(";")
    required = {
        *_MUST_BE_SIGNED,
        *(name for name in request.headers if name.startswith("x-amz-") or name == "content-type"),
    }
    if names != sorted(set(names)):
        return "The signed headers must be sorted, and each named once"
    if unsigned := required - set(names):
        return f"These headers must be signed: {', '.join(sorted(unsigned))}"
    time_text = request.headers["x-amz-date"]
    if not _is_now(time_text, found["day"], now):
        return f"Signature expired: {time_text} is not now, {now.strftime(_TIME)}"
    signed = "\n".join(
        [
            _ALGORITHM,
            time_text,
            f"{found['day']}/{found['region']}/{found['service']}/aws4_request",
            hashlib.sha256(canonical_request(request, names).encode()).hexdigest(),
        ]
    )
    expected = _signature(key.secret, (found["day"], found["region"], found["service"], "aws4_request"), signed)
    if not hmac.compare_digest(expected, found["signature"]):
        return (
            "The request signature we calculated does not match the signature you provided. "
            f"The Canonical String for this request should have been\n'{canonical_request(request, names)}'"
        )
    return None


def canonical_request(request: Arrived, names: list[str]) -> str:
    """Returns the text of which the signature contains the hash."""
    path, _, query = request.target.partition("?")
    pairs = sorted(part if "=" in part else f"{part}=" for part in query.split("&")) if query else []
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names]
    return "\n".join(
        [
            request.method,
            quote(path, safe=f"/{_UNRESERVED}"),
            "&".join(pairs),
            *lines,
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )


def _signature(secret: str, scope: tuple[str, ...], text: str) -> str:
    key = f"AWS4{secret}".encode()
    for word in scope:
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _is_now(text: str, day: str, now: datetime) -> bool:
    try:
        signed_at = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return text.startswith(day) and abs((now - signed_at).total_seconds()) <= _SKEW_MAX_S
