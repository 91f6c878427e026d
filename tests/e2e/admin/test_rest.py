"""Errors that are specific to REST: paths, queries, JSON, sizes, browsers."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import CONSOLE_ORIGIN, Reply

MIB = 1024 * 1024
Rest = Callable[..., Awaitable[Reply]]


@pytest.fixture
def rest(stack: Stack, session: aiohttp.ClientSession) -> Rest:
    """Calls as the demo organization's Super Admin. `{key}` in a path means a key of the organization."""
    environment = stack.environment
    names = {"o": environment["MEGAROUTER_ORGANIZATION"], "key": stack.demo["api_keys"][0]["name"]}

    async def call(verb: str, path: str, body: bytes | str | None = None, **headers: str) -> Reply:
        sent = {"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = environment["MEGAROUTER_ADMIN_URL"] + path.format(**names)
        async with session.request(verb, url, data=body, headers=sent) as response:
            return Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.text())

    return call


def reason_of(reply: Reply) -> str:
    """Returns the reason of an error.

    Every error must be a google.rpc.Status with one ErrorInfo, whether from Envoy or a service.
    """
    assert reply.headers["content-type"] == "application/json"
    status = json_format.Parse(reply.text, status_pb2.Status())
    information = error_details_pb2.ErrorInfo()
    assert [detail.Unpack(information) for detail in status.details].count(True) == 1
    assert status.code
    assert status.message
    assert information.domain == "megarouter"
    return str(information.reason)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/{o}/colors"),
        ("GET", "/v2/{o}/apiKeys"),
        ("PUT", "/v1/{key}"),
        ("POST", "/v1/{key}:explode"),
        ("GET", "/v1/{key}:disable"),
        ("POST", "/megarouter.admin.v1.ApiKeys/ListApiKeys"),
        ("GET", "/v1/{key}/more"),
    ],
)
async def test_a_path_that_does_not_exist_is_not_found(rest: Rest, verb: str, path: str) -> None:
    reply = await rest(verb, path, "{}" if verb == "POST" else None)
    assert (reply.status, reason_of(reply)) == (404, "METHOD_UNKNOWN")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("color=red", "color"),
        ("pageSize=many", "page_size"),
        ("pageSize=99999999999", "page_size"),
        ("parent.name=x", "parent"),
        ("pageSize.value=1", "page_size"),
    ],
)
async def test_an_invalid_query_parameter_is_refused_by_name(rest: Rest, query: str, named: str) -> None:
    reply = await rest("GET", f"/v1/{{o}}/apiKeys?{query}")
    assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")
    assert named in reply.json["message"]


BAD_BODIES: dict[str, bytes] = {
    "not JSON": b"hello",
    "cut off": b'{"etag":',
    "two documents": b"{} {}",
    "an array": b"[]",
    "a string": b'"etag"',
    "null": b"null",
    "an unknown field": b'{"color": "red"}',
    "a field in a different case": b'{"Etag": "x"}',
    "a field twice": b'{"etag": "x", "etag": "y"}',
    "a field by an escaped name": b'{"\\u0065tag": "x"}',
    "an unquoted name": b'{etag: "x"}',
    "single quotes": b"{'etag': 'x'}",
    "a trailing comma": b'{"etag": "x",}',
    "a comment": b'{"etag": "x" /* y */}',
    "a missing value": b'{"etag": }',
    "no colon": b'{"etag" "x"}',
    "an object instead of a string": b'{"etag": {"a": 1}}',
    "a number for a string": b'{"etag": 1}',
    "a number with a leading zero": b'{"etag": 01}',
    "NaN": b'{"etag": NaN}',
    "a raw newline in a string": b'{"etag": "a\nb"}',
    "a bad escape": b'{"etag": "\\x"}',
    "half a surrogate pair": b'{"etag": "\\ud800"}',
    "invalid UTF-8": b'{"etag": "\xff"}',
    "NUL": b"\x00",
    "deep nesting": b'{"etag": ' + b"[" * 100_000,
    "deep nesting that is closed": b'{"etag": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "a resource other than the path's": b'{"name": "organizations/other/apiKeys/x"}',
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_a_body_that_does_not_fit_the_message_is_refused(rest: Rest, case: str) -> None:
    before = (await rest("GET", "/v1/{key}")).text
    reply = await rest("POST", "/v1/{key}:disable", BAD_BODIES[case])
    assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")
    assert (await rest("GET", "/v1/{key}")).text == before


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        ('"1"', 200),
        ("1", 200),
        ("1e3", 200),
        ("1.5", 400),
        ('"9223372036854775808"', 400),
        ("true", 400),
        ('"1 "', 400),
    ],
)
async def test_integers_are_read_exactly_or_refused(rest: Rest, amount: str, status: int) -> None:
    body = f'{{"amountNanoCredits": {amount}, "requestId": "0b5c2f8e-6d9a-4a62-9d6c-{abs(hash(amount)) % 10**12:012}"}}'
    reply = await rest("POST", "/v1/{o}/creditBalance:topUp", body)
    assert reply.status == status
    if status != 200:
        assert reason_of(reply) in {"REQUEST_MALFORMED", "FIELD_INVALID"}


async def test_both_names_of_a_field_are_understood(rest: Rest) -> None:
    for parameter in ("pageSize", "page_size"):
        assert len((await rest("GET", f"/v1/{{o}}/apiKeys?{parameter}=1")).json["apiKeys"]) == 1


async def test_json_shows_enums_by_name_int64_as_strings_and_empty_fields(rest: Rest) -> None:
    key = (await rest("GET", "/v1/{key}")).json
    assert key["state"] == "STATE_ACTIVE"
    balance = (await rest("GET", "/v1/{o}/creditBalance")).json
    assert isinstance(balance["balanceNanoCredits"], str)
    assert balance["heldNanoCredits"] == "0"


async def test_a_body_beyond_1_mib_is_refused(rest: Rest) -> None:
    body = json.dumps({"etag": "x" * MIB})
    reply = await rest("POST", "/v1/{key}:disable", body)
    assert (reply.status, reason_of(reply)) == (413, "REQUEST_TOO_LARGE")


async def test_a_body_below_1_mib_is_read_whole(rest: Rest) -> None:
    reply = await rest("POST", "/v1/{key}:disable", json.dumps({"etag": "x" * (MIB - 100)}))
    assert (reply.status, reason_of(reply)) == (400, "FIELD_INVALID")


async def test_headers_beyond_the_limit_are_refused(rest: Rest) -> None:
    reply = await rest("GET", "/v1/{key}", x_long="x" * 60_000)
    assert (reply.status, reason_of(reply)) == (431, "REQUEST_TOO_LARGE")


async def test_an_escaped_slash_is_refused(rest: Rest) -> None:
    reply = await rest("GET", "/v1/organizations%2Facme/apiKeys")
    assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")


async def test_every_answer_has_a_request_id_from_envoy(rest: Rest) -> None:
    for path in ("/v1/{key}", "/v1/{o}/colors", "/v1/{key}?color=red", "/v1/{o}x/apiKeys"):
        reply = await rest("GET", path, x_request_id="mine")
        assert len(reply.headers["x-request-id"]) == 36, path


async def test_only_the_console_may_call_from_a_browser(rest: Rest) -> None:
    asked: dict[str, Any] = {
        "access_control_request_method": "PATCH",
        "access_control_request_headers": "authorization",
    }
    allowed = await rest("OPTIONS", "/v1/{key}", origin=CONSOLE_ORIGIN, **asked)
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == CONSOLE_ORIGIN
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    foreign = await rest("OPTIONS", "/v1/{key}", origin="https://elsewhere.example", **asked)
    assert "access-control-allow-origin" not in foreign.headers
    answer = await rest("GET", "/v1/{key}", origin=CONSOLE_ORIGIN)
    assert answer.headers["access-control-allow-origin"] == CONSOLE_ORIGIN
    assert "grpc-status-details-bin" in answer.headers["access-control-expose-headers"]
