"""The OpenAI SDK works with stored responses through the gateway."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import openai
import pytest

from tests.e2e.conftest import Witness
from tests.support.clients.sdk_calls import connect
from tests.support.data.tenants import Tenant, make_tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]


async def test_a_response_is_continued_retrieved_and_deleted(base_url: str, tenant: Tenant, settled: Settled) -> None:
    responses = connect(base_url, tenant.key).openai.responses
    first = await responses.create(model="gpt-5", input="Name a river.", max_output_tokens=40)
    second = await responses.create(
        model="gpt-5-mini", input="Another.", previous_response_id=first.id, max_output_tokens=40
    )
    assert (await responses.retrieve(second.id)).output_text == second.output_text
    assert len((await responses.input_items.list(first.id, order="asc", limit=5)).data) == 1
    with pytest.raises(openai.BadRequestError):
        await responses.cancel(first.id)
    await responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await responses.retrieve(first.id)
    await settled(2)  # the others are free, and leave no record


async def test_a_response_of_another_organization_does_not_exist(
    base_url: str, tenant: Tenant, database: asyncpg.Pool, pepper: bytes, witness: Witness
) -> None:
    other = await make_tenant(database, pepper)
    mine = await connect(base_url, tenant.key).openai.responses.create(model="gpt-5", input="Hi", max_output_tokens=40)
    theirs = connect(base_url, other.key).openai.responses
    attempts: list[Awaitable[object]] = [
        theirs.retrieve(mine.id),
        theirs.delete(mine.id),
        theirs.cancel(mine.id),
        theirs.input_items.list(mine.id),
    ]
    before = await witness.last_sequence()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        assert isinstance(outcome, openai.NotFoundError)
        assert outcome.code == "stored_object_not_found"
    with pytest.raises(openai.NotFoundError) as refused:
        await theirs.create(model="gpt-5", input="Hi", previous_response_id=mine.id, max_output_tokens=40)
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")
    assert await witness.calls_after(before) == []
    assert (await connect(base_url, tenant.key).openai.responses.retrieve(mine.id)).id == mine.id
