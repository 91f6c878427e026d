"""What Envoy asks at the headers of a call: whether its key is valid. It places no hold."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2

from authz_service.check import AuthzService
from authz_service.request.envoy_messages import key_is_known
from gateway_core.contract.doors import KEY_QUESTION
from gateway_core.model.organization.bearer_secrets import API_KEY
from gateway_core.runtime.unary import StatusError
from tests.contract.authz_service.conftest import Answer, check_request
from tests.contract.authz_service.test_data_plane import wait_until_notified


async def asked(service: AuthzService, **options: Any) -> bytes:
    (method,) = [method for method in service.unary_methods if method.path == KEY_QUESTION]
    return await method.handle(check_request({}, **options).SerializeToString(), {})


async def refused(service: AuthzService, **options: Any) -> Answer:
    return Answer(external_auth_pb2.CheckResponse.FromString(await asked(service, **options)))


async def test_a_valid_key_is_known_and_no_hold_is_placed(service: AuthzService, owner: asyncpg.Connection) -> None:
    assert await asked(service) == key_is_known("acme")
    await asyncio.sleep(0.3)  # longer than holds wait for the holds table
    assert await owner.fetchval("SELECT count(*) FROM holds") == 0


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"key": API_KEY.make(b"u" * 32)}, 401, "invalid_api_key"),
        ({"key": "junk"}, 401, "invalid_api_key"),
        ({"key": None}, 401, "missing_api_key"),
        ({"headers": [("authorization", "Bearer other")]}, 401, "conflicting_api_keys"),
        ({"path": "/v1/unknown"}, 404, "endpoint_not_supported"),
    ],
)
async def test_a_stranger_gets_the_error_that_the_call_would_get(
    service: AuthzService, options: dict[str, Any], status: int, code: str
) -> None:
    answer = await refused(service, **options)
    assert (answer.status, answer.code) == (status, code)
    assert answer.metadata == {"answered": True, "refused": f"{code} -"}


async def test_a_key_that_was_disabled_is_refused(service: AuthzService, owner: asyncpg.Connection) -> None:
    assert await asked(service) == key_is_known("acme")
    await owner.execute("UPDATE api_keys SET state = 'DISABLED'")
    await wait_until_notified()
    answer = await refused(service)
    assert (answer.status, answer.code) == (401, "key_disabled")


async def test_what_is_no_question_is_an_error(service: AuthzService) -> None:
    (method,) = [method for method in service.unary_methods if method.path == KEY_QUESTION]
    with pytest.raises(StatusError) as raised:
        await method.handle(b"\xff", {})
    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT
