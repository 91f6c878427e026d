"""Usage over REST, after real calls."""

import asyncio
import datetime as dt
from urllib.parse import quote

import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.admin.test_calls import demo_key
from tests.e2e.admin.test_rest import Rest, rest  # noqa: F401 - a fixture
from tests.e2e.conftest import SETTLE_TIMEOUT_S, Post

SUMS = """
SELECT count(*), coalesce(sum(charge_nano_credits), 0)::bigint
  FROM usage_records WHERE api_key_id = $1 AND outcome <> 'VOIDED'
"""


@pytest.mark.timeout(60)
async def test_calls_are_in_the_answers(rest: Rest, stack: Stack, post: Post, database: asyncpg.Pool) -> None:  # noqa: F811
    name, key = demo_key(stack, "liam-engineering")
    before = await database.fetchval(SUMS, name.rpartition("/")[2])
    for _ in range(2):
        assert (await post(key=key)).status == 200
    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        while (await database.fetchval(SUMS, name.rpartition("/")[2])) < before + 2:
            await asyncio.sleep(0.1)
    sums = await database.fetchrow(SUMS, name.rpartition("/")[2])
    assert sums is not None
    calls, charge = sums
    start = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).isoformat().replace("+00:00", "Z")
    only = f"timeRange.startTime={start}&usageFilter.apiKeys={quote(name)}"
    usage = "/v1/{o}/usage"
    answer = (await rest("GET", f"{usage}:query?{only}&groupBy=USAGE_DIMENSION_MODEL&groupBy=USAGE_DIMENSION_MEMBER"
                                "&granularity=USAGE_GRANULARITY_DAY&compareWithPrevious=true")).json  # fmt: skip
    total = answer["total"]
    assert (int(total["callCount"]), int(total["chargeNanoCredits"])) == (calls, charge)
    assert int(total["tokens"]["inputTokenCount"]) > 0
    assert answer["groups"][0]["values"][0]["value"].startswith("models/")
    assert answer["groups"][0]["values"][1]["displayName"]
    assert len(answer["groups"][0]["points"]) == len(answer["buckets"]) == 2
    assert int(answer["asOf"]["ledgerPosition"]) > 0
    assert answer["complete"] in {True, False}
    assert answer["previousTotal"]["callCount"] == "0"
    summary = (await rest("GET", f"{usage}:summary?{only}")).json
    assert summary["averages"]["activeMemberCount"] == "1"
    assert summary["averages"]["chargeNanoCreditsPerMember"] == str(charge)
    top = (
        await rest("GET", f"{usage}:topConsumers?{only}&dimension=USAGE_DIMENSION_API_KEY&metric=USAGE_METRIC_TOKENS")
    ).json
    assert [one["consumer"]["value"] for one in top["topConsumers"]] == [name]
    assert top["topConsumers"][0]["chargeShareBasisPoints"] == 10_000
