"""A strict budget is never exceeded, and a call without an output limit gets one when little is left."""

import asyncio

from gateway_core.model.calls.refusals import RefusalReason
from tests.e2e.conftest import chat
from tests.support.data.tenants import CREDIT, until_applied
from tests.support.metered_calls import Metering
from tests.support.races.other_kinds import KINDS
from tests.support.servers.scripted_upstream import Request, Script

NO_LIMIT = KINDS["no output limit"]()
OPEN = NO_LIMIT.body


async def test_a_call_that_names_no_output_limit_gets_one_when_little_is_left(metering: Metering) -> None:
    metering.upstream.choose(NO_LIMIT.dearest_answer)
    await metering.tenant.guard("member", "mia", budget_nano_credits=2 * CREDIT)
    await until_applied()
    reply = await metering.call(OPEN)
    (request,) = metering.upstream.requests
    limit = request.json["max_completion_tokens"]
    assert 1_024 <= limit < 16_384
    assert reply.headers["x-megarouter-output-limit"] == str(limit)
    charged = await metering.charged()
    assert charged.nano_credits <= charged.hold_nano_credits <= 2 * CREDIT // 64


async def test_a_call_passes_untouched_while_enough_is_left(metering: Metering) -> None:
    metering.upstream.choose(NO_LIMIT.dearest_answer)
    reply = await metering.call(OPEN)
    assert "x-megarouter-output-limit" not in reply.headers
    assert "max_completion_tokens" not in metering.upstream.requests[0].json


async def test_a_spent_budget_is_final_and_a_held_one_is_not(metering: Metering) -> None:
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> Script:
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(10)
        return NO_LIMIT.dearest_answer(request)

    metering.upstream.choose(answer)
    call = chat(model="gpt-4o", max_tokens=10_000)
    await metering.tenant.guard("member", "mia", budget_nano_credits=CREDIT * 15 // 100)
    await until_applied()
    first = asyncio.create_task(metering.call(call))
    while not await metering.tenant.open_holds():
        await asyncio.sleep(0.01)
    waiting = await metering.call(call)
    assert (waiting.status, waiting.json["error"]["code"]) == (429, RefusalReason.BUDGET_IN_USE)
    assert waiting.headers["retry-after"] == "1"
    answered.set()
    assert (await first).status == 200
    await metering.charged()
    spent = await metering.call(call)
    assert (spent.status, spent.json["error"]["code"]) == (402, RefusalReason.BUDGET_EXHAUSTED)
    assert spent.headers["x-should-retry"] == "false"
