"""Provider SDKs work with a changed address and key. Every call is billed exactly, to the token and to the nano-credit."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog_file import load_catalog
from tests.e2e.conftest import Witness, wait_settled
from tests.support.books import assert_books_agree
from tests.support.clients.sdk_calls import ALL, FREE, Call, connect
from tests.support.data.tenants import CREDIT, Tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
PAID_IN = 10_000 * CREDIT


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(DEFAULT_CATALOG)


@pytest.mark.parametrize("call", ALL, ids=lambda call: call.__name__)
async def test_an_sdk_call_is_answered_and_billed_exactly(
    base_url: str, tenant: Tenant, witness: Witness, settled: Settled, catalog: Catalog, call: Call
) -> None:
    before = await witness.last_sequence()
    assert await call(connect(base_url, tenant.key), "Tell me about the sea.", 40)
    records = await settled(1)
    await assert_books_agree(tenant, catalog, await witness.calls_after(before), records, PAID_IN)


@pytest.mark.parametrize("call", FREE, ids=lambda call: call.__name__)
async def test_some_calls_of_an_sdk_are_free(base_url: str, tenant: Tenant, settled: Settled, call: Call) -> None:
    assert int(await call(connect(base_url, tenant.key), "Tell me about the sea.", 0)) > 0
    (record,) = await settled(1)
    assert (record["charge_nano_credits"], record["source"], record["detail"]) == (0, "none", "completed")


async def test_a_thousand_mixed_concurrent_calls_are_billed_to_the_nano_credit(
    base_url: str, tenant: Tenant, witness: Witness, catalog: Catalog
) -> None:
    choose = random.Random(20_260)
    before = await witness.last_sequence()
    sdks = connect(base_url, tenant.key)
    places = asyncio.Semaphore(64)

    async def one(index: int) -> None:
        async with places:
            text = f"Question {index}: " + "why " * choose.randrange(1, 200)
            await ALL[index % len(ALL)](sdks, text, choose.randrange(16, 400))

    await asyncio.gather(*(one(index) for index in range(1_000)))
    records = await wait_settled(tenant, 1_000, timeout_s=30)
    await assert_books_agree(tenant, catalog, await witness.calls_after(before), records, PAID_IN)
