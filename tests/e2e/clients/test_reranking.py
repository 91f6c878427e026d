"""Cohere's SDK ranks documents through the gateway with only the address and the key changed."""

import json
from collections.abc import Awaitable, Callable

import asyncpg
import cohere
import pytest

from tests.support.data.tenants import Tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
UNIT = 2_000_000
DOCUMENTS = [f"Document {index} about the sea." for index in range(150)]


async def _rank_by_version_1(base_url: str, key: str) -> tuple[int, float]:
    async with cohere.AsyncClient(api_key=key, base_url=base_url) as client:
        answer = await client.rerank(model="rerank-v3.5", query="sea", documents=DOCUMENTS, top_n=5)
    assert answer.meta is not None
    return len(answer.results), answer.meta.billed_units.search_units


async def _rank_by_version_2(base_url: str, key: str) -> tuple[int, float]:
    async with cohere.AsyncClientV2(api_key=key, base_url=base_url) as client:
        answer = await client.rerank(model="rerank-v4.0-fast", query="sea", documents=DOCUMENTS, top_n=5)
    assert answer.meta is not None
    return len(answer.results), answer.meta.billed_units.search_units


@pytest.mark.parametrize("rank", [_rank_by_version_1, _rank_by_version_2])
async def test_cohere_s_sdk_ranks_documents_and_each_search_unit_is_charged(
    base_url: str, tenant: Tenant, settled: Settled, rank: Callable[[str, str], Awaitable[tuple[int, float]]]
) -> None:
    assert await rank(base_url, tenant.key) == (5, 2)
    (record,) = await settled(1)
    assert (record["charge_nano_credits"], record["source"]) == (2 * UNIT, "provider")
    assert [line[:2] for line in json.loads(record["charge_lines"])] == [["fee:search_unit", 2]]


async def test_cohere_s_sdk_understands_a_refusal(base_url: str, tenant: Tenant) -> None:
    async with cohere.AsyncClientV2(api_key=tenant.key, base_url=base_url) as client:
        with pytest.raises(cohere.NotFoundError):
            await client.rerank(model="rerank-9", query="sea", documents=DOCUMENTS)
