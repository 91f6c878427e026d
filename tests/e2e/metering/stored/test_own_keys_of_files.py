"""Calls about files and stored responses carry the key of their organization, whether they place a hold or not."""

import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.metering.cases import RESPONSES
from tests.e2e.metering.responses import answered
from tests.e2e.metering.stored.other_members import stranger
from tests.e2e.metering.stored.test_files import ANTHROPIC, CONTENT, about, identifier, upload
from tests.support.data.own_keys import bring_own_key
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import answer, json_answer

OWN = "sk-own-of-a-tenant-4e7b20c9"


def sent(metering: Metering, header: str = "authorization") -> list[str | None]:
    """Returns the credentials that the provider got, and forgets the requests."""
    found = [request.header(header) for request in metering.upstream.requests]
    metering.upstream.reset()
    return found


async def test_every_call_about_a_file_carries_the_key(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack
) -> None:
    """Seen to fail with the gateway's cluster in `_forwarded`."""
    await bring_own_key(metering.tenant, metered_stack, "openai", OWN)
    other = await stranger(metering, metered_database, metered_stack)
    for one, credential in ((metering, OWN), (other, "credential-of-openai")):
        file_id = identifier()
        assert (await upload(one, file_id)).status == 200
        assert (await one.charged()).nano_credits == 0
        for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            content = answer(CONTENT, 200, {"content-type": "application/octet-stream"})
            metering.upstream.answer(content if suffix else json_answer({"id": file_id}))
            assert (await about(other if one is metering else metering, file_id, method, suffix)).status == 404
            reply = await about(one, file_id, method, suffix)
            assert (reply.status, not suffix or reply.body == CONTENT) == (200, True)
        assert sent(one) == [f"Bearer {credential}"] * 4


async def test_a_provider_with_another_header_gets_the_key_in_it(metering: Metering, metered_stack: Stack) -> None:
    await bring_own_key(metering.tenant, metered_stack, "anthropic", OWN)
    file_id = identifier()
    assert (await upload(metering, file_id, ANTHROPIC, purpose=None)).status == 200
    await metering.charged()
    metering.upstream.answer(json_answer({"id": file_id}))
    assert (await about(metering, file_id, **ANTHROPIC)).status == 200
    assert sent(metering, "x-api-key") == [OWN] * 2


async def test_a_stored_response_is_fetched_with_the_key(metering: Metering, metered_stack: Stack) -> None:
    await bring_own_key(metering.tenant, metered_stack, "openai", OWN)
    metering.upstream.answer(json_answer(answered("resp_own1")))
    assert (await metering.call({"model": "gpt-5-mini", "input": "Hello.", "store": True}, RESPONSES)).status == 200
    assert (await metering.charged()).record["own_key"]
    metering.upstream.answer(json_answer(answered("resp_own1")))
    assert (await metering.call(b"", f"{RESPONSES}/resp_own1", method="GET")).status == 200
    assert sent(metering) == [f"Bearer {OWN}"] * 2


@pytest.mark.parametrize("suffix", ["", "/content"])
async def test_an_error_about_the_key_reaches_the_caller_without_it(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack, suffix: str
) -> None:
    """The gateway's own account stays the operators' affair."""
    await bring_own_key(metering.tenant, metered_stack, "openai", OWN)
    other = await stranger(metering, metered_database, metered_stack)
    for one, status in ((metering, 401), (other, 502)):
        file_id = identifier()
        await upload(one, file_id)
        await one.charged()
        refused = {"error": {"message": f"Incorrect API key provided: {OWN}.", "code": "invalid_api_key"}}
        metering.upstream.answer(json_answer(refused, 401))
        reply = await about(one, file_id, suffix=suffix)
        assert (reply.status, OWN in reply.text) == (status, False), reply.text
