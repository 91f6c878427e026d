"""While one deployment fails in every way, callers see no error, nothing is billed twice, and it gets its callers back."""

import asyncio
from collections import Counter

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import FIRST_BYTE_TIMEOUT_MS, KNOWN_S, Upstreams, cost_at, served, until_healthy
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Abort, Pause, Request, Script, json_answer

CALLERS, CALLS_OF_EACH = 10, 16
STALL_S = 2 * FIRST_BYTE_TIMEOUT_MS / 1_000


class Failing:
    """Fails every call, each in another way."""

    def __init__(self) -> None:
        self._scripts: list[Script] = [
            json_answer({"error": {"message": "broken"}}, 500),
            json_answer({"error": {"message": "slow down"}}, 429, {"retry-after": "1"}),
            [Abort()],
            [Pause(STALL_S), Abort()],
        ]
        self._next = 0

    def __call__(self, _request: Request) -> Script:
        self._next += 1
        return self._scripts[self._next % len(self._scripts)]


async def test_callers_see_no_error_and_the_ledger_equals_the_tally(calls: Metering, upstreams: Upstreams) -> None:
    answered: Counter[str] = Counter()

    def counted(name: str) -> None:
        def answer(request: Request) -> Script:
            answered[name] += 1
            return served(request)

        {"alpha": upstreams.alpha, "beta": upstreams.beta}[name].choose(answer)

    keys = [await calls.tenant.add_key(f"load-{number}") for number in range(CALLERS)]
    statuses: Counter[int] = Counter()

    async def caller(key: str) -> None:
        for _ in range(CALLS_OF_EACH):
            reply = await calls.call(chat(model="balanced"), headers={"authorization": f"Bearer {key}"})
            statuses[reply.status] += 1
            await asyncio.sleep(0.02)

    counted("beta")
    upstreams.alpha.choose(Failing())
    await asyncio.gather(*map(caller, keys))
    failed = len(upstreams.alpha.requests)
    assert failed
    assert failed < CALLERS * CALLS_OF_EACH / 4
    counted("alpha")
    await asyncio.gather(*map(caller, keys))
    total = 2 * CALLERS * CALLS_OF_EACH
    assert statuses == {200: total}
    await calls.charged(total)
    records = await calls.tenant.database.fetch(
        "SELECT provider_id, count(*) AS calls, sum(charge_nano_credits) AS charged FROM usage_records"
        " WHERE organization_id = $1 GROUP BY provider_id",
        calls.tenant.organization,
    )
    charged = {record["provider_id"]: (record["calls"], record["charged"]) for record in records}
    assert charged == {name: (count, count * cost_at(name)) for name, count in answered.items()}
    await asyncio.sleep(KNOWN_S)
    await until_healthy(calls, upstreams)
