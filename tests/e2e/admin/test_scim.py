"""SCIM through Envoy: statuses, headers and errors of its own, with the secret of a credential."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from deploy.local.supervision.embedded_stack import Stack

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


class Directory:
    """Calls SCIM over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session, self._url, self._secret = session, url, secret

    async def __call__(self, verb: str, path: str, body: Any = None, secret: str = "") -> tuple[int, Any, Any]:
        headers = {"authorization": f"Bearer {secret or self._secret}", "content-type": "application/scim+json"}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        async with self._session.request(verb, f"{self._url}/scim/v2/{path}", data=data, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None, answer.headers


@pytest.fixture
async def directory(stack: Stack, session: aiohttp.ClientSession) -> AsyncIterator[Directory]:
    environment = stack.environment
    url, admin = environment["MEGAROUTER_ADMIN_URL"], environment["MEGAROUTER_ADMIN_TOKEN"]
    headers = {"authorization": f"Bearer {admin}"}
    wanted = {"displayName": "SCIM", "kind": "KIND_SCIM"}
    credentials = f"{url}/v1/{environment['MEGAROUTER_ORGANIZATION']}/credentials"
    async with session.post(credentials, json=wanted, headers=headers) as answer:
        made = await answer.json()
    yield Directory(session, url, made["secret"])
    async with session.post(f"{url}/v1/{made['credential']['name']}:revoke", json={}, headers=headers) as answer:
        assert answer.status == 200


async def test_a_user_lives_over_http_as_scim_says(directory: Directory, stack: Stack) -> None:
    status, made, headers = await directory("POST", "Users", {"schemas": [USER], "userName": "scim-e2e@acme.example"})
    assert (status, headers["content-type"]) == (201, "application/scim+json")
    assert headers["location"] == made["meta"]["location"]
    assert headers["etag"] == made["meta"]["version"]
    assert "x-megarouter-http-status" not in headers
    path = f"Users/{made['id']}"
    found = await directory("GET", "Users?filter=userName%20eq%20%22scim-e2e@acme.example%22&startIndex=1&count=10")
    assert found[1]["totalResults"] == 1
    patch = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    assert (await directory("PATCH", path, patch))[1]["active"] is False
    assert (await directory("PUT", path, {"userName": "scim-e2e@acme.example", "active": True}))[1]["active"] is True
    assert (await directory("DELETE", path))[:2] == (204, None)
    status, error, headers = await directory("GET", path)
    assert (status, error["status"], headers["content-type"]) == (404, "404", "application/scim+json")
    assert (await directory("POST", "Users", b"{"))[1]["scimType"] == "invalidSyntax"
    assert (await directory("GET", f"Schemas/{USER}"))[1]["id"] == USER
    assert (await directory("GET", "Users", secret="mrc-wrong"))[0] == 401
    assert (await directory("GET", "Users", secret=stack.environment["MEGAROUTER_ADMIN_TOKEN"]))[0] == 403
