"""No body of a caller without a valid token passes the door of the admin listener, and every call is answered."""

import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from google.rpc import status_pb2

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.calls.test_strangers import Answer, caller

BODY_BYTES = 4_000_000
REST_PATH = "/v1/organizations/acme/groups"
GRPC_PATH = "/megarouter.admin.v1.Accounts/GetUser"
GRPC_WEB = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}


async def refused_at_headers(stack: Stack, *headers: str) -> Answer:
    async with caller(stack.environment["MEGAROUTER_ADMIN_URL"]) as stranger:
        await stranger.begin(REST_PATH, BODY_BYTES, *headers)
        return await stranger.answer()


@pytest.mark.parametrize("headers", [(), ("authorization: Bearer mrt-unknown",), ("authorization: Bearer a.b.c",)])
async def test_a_rest_call_without_a_valid_token_is_refused_before_its_body_arrives(
    stack: Stack, headers: tuple[str, ...]
) -> None:
    answer = await refused_at_headers(stack, *headers)
    document = json.loads(answer.body)
    assert answer.status == 401
    assert (document["code"], document["details"][0]["reason"]) == (16, "ACCESS_TOKEN_INVALID")


async def test_a_refusal_at_the_headers_is_the_one_of_admin_service(
    stack: Stack, session: aiohttp.ClientSession
) -> None:
    headers = {"authorization": "Bearer mrt-unknown"}
    async with session.get(stack.environment["MEGAROUTER_ADMIN_URL"] + REST_PATH, headers=headers) as response:
        by_admin_service = await response.json()
    assert by_admin_service["details"][0].pop("metadata") == {}
    assert json.loads((await refused_at_headers(stack)).body) == by_admin_service


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer mrt-unknown"}])
async def test_a_grpc_web_call_without_a_valid_token_gets_a_status_with_the_reason(
    stack: Stack, session: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    url = stack.environment["MEGAROUTER_ADMIN_URL"] + GRPC_PATH
    async with session.post(url, data=bytes(5), headers={**GRPC_WEB, **headers}) as response:
        assert (response.status, response.headers["grpc-status"]) == (200, "16")
        details = response.headers["grpc-status-details-bin"]
    assert b"ACCESS_TOKEN_INVALID" in status_of(details).details[0].value


def status_of(details: str) -> status_pb2.Status:
    return status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))


@pytest.mark.parametrize("pieces", [b"", None])
async def test_an_empty_grpc_web_call_is_answered_with_an_error(
    stack: Stack, session: aiohttp.ClientSession, pieces: bytes | None
) -> None:
    """Without a message, admin_service would wait for one."""

    async def nothing() -> AsyncIterator[bytes]:
        for _ in ():
            yield b""

    url = stack.environment["MEGAROUTER_ADMIN_URL"] + GRPC_PATH
    headers = {**GRPC_WEB, "authorization": f"Bearer {stack.environment['MEGAROUTER_ADMIN_TOKEN']}"}
    timeout = aiohttp.ClientTimeout(5)
    data = nothing() if pieces is None else pieces
    async with session.post(url, data=data, headers=headers, timeout=timeout) as response:
        assert response.headers["grpc-status"] == "3"
        assert "has no message" in response.headers["grpc-message"]


async def test_health_and_reflection_need_no_token_but_take_only_small_messages(
    stack: Stack, session: aiohttp.ClientSession
) -> None:
    url = stack.environment["MEGAROUTER_ADMIN_URL"] + "/grpc.health.v1.Health/Check"
    async with session.post(url, data=bytes(5), headers=GRPC_WEB) as response:
        assert response.headers.get("grpc-status", "0") == "0"
    async with session.post(url, data=bytes(20_000), headers=GRPC_WEB) as response:
        assert response.headers["grpc-status"] == "3"
