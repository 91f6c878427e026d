"""A header that one client wrote wrong is that client's error and nobody else's."""

import struct
from collections.abc import Mapping

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.e2e.conftest import Reply
from tests.e2e.test_admin_rest import reason_of

METHOD = "/megarouter.admin.v1.ApiKeys/ListApiKeys"
INVALID_ARGUMENT = "3"
MALFORMED_TIMEOUTS = ("1.5m", "", "5", "m", "-1S", "123456789m", "1s", "1 S", "1S, 2S")
# Headers whose values gRPC reads before any service does, each with one value that it cannot read and one that it can.
READ_BY_GRPC = {
    "grpc-previous-rpc-attempts": ("abc", "1"),
    "grpc-encoding": ("zzz", "identity"),
    "grpc-trace-bin": ("!", "AAAA"),
    "x-console-bin": ("!", "AAAA"),
}


class Caller:
    """Lists API keys as the demo organization's Super Admin, with headers of one's own."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._environment, self._session = stack.environment, session

    async def web(self, headers: Mapping[str, str]) -> str:
        """By gRPC-Web. The gRPC status."""
        parent = self._environment["MEGAROUTER_ORGANIZATION"].encode()
        content = b"\x0a" + bytes([len(parent)]) + parent
        sent = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", **self._token(), **headers}
        url = self._environment["MEGAROUTER_ADMIN_URL"] + METHOD
        async with self._session.post(url, data=struct.pack(">BI", 0, len(content)) + content, headers=sent) as reply:
            body = await reply.read()
            return reply.headers.get("grpc-status") or body.partition(b"grpc-status:")[2][:2].decode().strip()

    async def rest(self, headers: Mapping[str, str]) -> Reply:
        url = f"{self._environment['MEGAROUTER_ADMIN_URL']}/v1/{self._environment['MEGAROUTER_ORGANIZATION']}/apiKeys"
        async with self._session.get(url, headers={**self._token(), **headers}) as reply:
            return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.text())

    def _token(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._environment['MEGAROUTER_ADMIN_TOKEN']}"}


@pytest.fixture
def caller(stack: Stack, session: aiohttp.ClientSession) -> Caller:
    return Caller(stack, session)


@pytest.mark.parametrize("timeout", MALFORMED_TIMEOUTS)
async def test_a_malformed_deadline_is_an_invalid_argument(caller: Caller, timeout: str) -> None:
    assert await caller.web({"grpc-timeout": timeout}) == INVALID_ARGUMENT
    reply = await caller.rest({"grpc-timeout": timeout})
    assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")
    assert "grpc-timeout" in reply.json["message"]


@pytest.mark.parametrize("timeout", ["5S", "1M", "1H", "99999999m", "99999999u", "99999999n"])
async def test_a_deadline_in_any_unit_is_taken(caller: Caller, timeout: str) -> None:
    assert await caller.web({"grpc-timeout": timeout}) == "0"
    assert (await caller.rest({"grpc-timeout": timeout})).status == 200


@pytest.mark.parametrize("name", READ_BY_GRPC)
async def test_a_header_that_grpc_cannot_read_fails_nobody_elses_calls(caller: Caller, name: str) -> None:
    """Seen to fail with `hpack_table_size` left at Envoy's default: INTERNAL for calls with a right value of the header."""
    unreadable, readable = READ_BY_GRPC[name]
    for _ in range(5):
        assert await caller.web({name: unreadable}) != "0"
    assert {await caller.web({name: readable}) for _ in range(10)} == {"0"}
