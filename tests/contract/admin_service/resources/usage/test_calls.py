"""Calls one by one: each page has what the records have, whoever asks and whatever is in the rollups."""

import datetime as dt
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.analytics_pb2 import UsageFilter
from megarouter.admin.v1.usage_pb2 import Call as CallMessage

from admin_service.analytics.query import Filter, Tree, UsageQuery
from deploy.local.stack.database_urls import login_url
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.contract.admin_service.conftest import GROUPS, Client
from tests.contract.admin_service.resources.analytics.test_service import (
    END,
    ORGANIZATION,
    PLACES,
    ROLES,
    START,
    add_catalog_and_robot,
    time_range,
)
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement
from tests.support.usage.histories import UsageHistory, expiry
from tests.support.usage.reference import TOKENS, Call, calls_at, is_wanted, tags_of
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.settlement.store import settle_batch

HEAD: Final = 10**9


@pytest.fixture
async def calls(owner: asyncpg.Connection, client: Client, database_url: str) -> list[Call]:
    """Settles calls in two months, two thirds of them in rollups. Later corrections change some of those."""
    await add_catalog_and_robot(owner)
    past = UsageHistory(random.Random(5), PLACES, START, END)
    await past.settle(owner, 140)
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=3) as following:
        await caught_up(RollupFollower(following, lambda: END))
    await past.settle(owner, 60)
    assert past.expired
    await past.correct_the_rest(owner)
    await owner.execute("UPDATE members SET group_id = 'sales' WHERE member_id = 'below'")
    return await calls_at(owner, "acme", HEAD)


async def listed(client: Client, member: str = "super", page_size: int = 1_000, **fields: Any) -> list[CallMessage]:
    """Returns all pages."""
    found: list[CallMessage] = []
    request = usage_pb2.ListCallsRequest(
        parent=ORGANIZATION, page_size=page_size, **{"time_range": time_range(), **fields}
    )
    while True:
        page = await client.call("ListCalls", request, member)
        assert len(page.calls) <= page_size
        found += page.calls
        if not page.next_page_token:
            return found
        assert len(page.calls) == page_size
        request.page_token = page.next_page_token


def ids(messages: Sequence[CallMessage]) -> list[str]:
    return [message.name.removeprefix(f"{ORGANIZATION}/calls/") for message in messages]


def expected(calls: Sequence[Call], query: UsageQuery) -> list[str]:
    wanted = [call for call in calls if query.start <= call.moment < query.end and is_wanted(call, query)]
    wanted.sort(key=lambda call: (call.moment, call.record["sequence"]), reverse=True)
    return [call.record["hold_id"] for call in wanted]


async def test_pages_have_every_call_once_for_any_filter(
    client: Client, calls: list[Call], owner: asyncpg.Connection
) -> None:
    chance = random.Random(1)
    sizes = set()
    for number in range(35):
        if number == 20:
            # From here on, the older calls are in no hour.
            assert await owner.fetchval("SELECT drop_usage_hours($1)", START + dt.timedelta(days=45)) > 0
        kept, message = some_filter(chance)
        start, end = sorted(START + dt.timedelta(seconds=chance.uniform(0, 61 * 86_400)) for _ in range(2))
        tree = chance.choice(list(Tree))
        found = await listed(
            client, page_size=chance.choice((1, 7, 50)), usage_filter=message, tree=f"USAGE_TREE_{tree.name}",
            time_range=time_range(start, end),
        )  # fmt: skip
        query = UsageQuery("acme", start, end, filter=kept, tree=tree)
        assert ids(found) == expected(calls, query), query
        sizes.add(len(found))
    assert len(sizes) > 5


def some_filter(chance: random.Random) -> tuple[Filter, UsageFilter]:
    """Returns a random filter, and the message for it."""

    def some(values: Sequence[str]) -> list[str]:
        return chance.sample(values, chance.randint(1, 2)) if chance.random() < 0.3 else []

    members, groups = some(["l1", "sub", "below", "sales"]), some(list(GROUPS))
    models, statuses = some(["acme-1", "zeta"]), some(["SETTLED", "VOIDED", "EXPIRED"])
    endpoints, tags = some(["messages", "chat_completions"]), some(["project=search", "env=test"])
    kept = Filter(
        groups=frozenset(groups), members=frozenset(members), models=frozenset(models), statuses=frozenset(statuses),
        endpoints=frozenset(endpoints), tags=frozenset((tag.split("=")[0], tag.split("=")[1]) for tag in tags),
    )  # fmt: skip
    message = UsageFilter(
        groups=[f"{ORGANIZATION}/groups/{group}" for group in groups],
        members=[f"{ORGANIZATION}/members/{member}" for member in members],
        models=[f"models/{model}" for model in models],
        statuses=[f"USAGE_STATUS_{status}" for status in statuses],  # type: ignore[misc] # names of values
        endpoints=endpoints, tags=tags,
    )  # fmt: skip
    return kept, message


async def test_each_caller_sees_the_calls_of_their_subtree(client: Client, calls: list[Call]) -> None:
    """Seen to fail without `reach` in `list_calls` and `get_call`."""
    newest_first = expected(calls, UsageQuery("acme", START, END))
    by_id = {call.record["hold_id"]: call for call in calls}
    for caller, is_seen in ROLES.items():
        assert ids(await listed(client, caller, 9)) == [one for one in newest_first if is_seen(by_id[one])]
        # In the present tree, the calls of `below` are in another group.
        may_see = visible_in_either_tree(caller, is_seen)
        for one in newest_first[::20]:
            request = usage_pb2.GetCallRequest(name=f"{ORGANIZATION}/calls/{one}")
            code = grpc.StatusCode.OK if may_see(by_id[one]) else grpc.StatusCode.PERMISSION_DENIED
            assert await client.code("GetCall", request, caller) is code, (caller, one)
    unknown = usage_pb2.GetCallRequest(name=f"{ORGANIZATION}/calls/hold-unknown")
    forbidden = usage_pb2.GetCallRequest(
        name=f"{ORGANIZATION}/calls/{next(one for one in newest_first if not ROLES['member'](by_id[one]))}"
    )
    failures = [await client.failure("GetCall", request, "member") for request in (unknown, forbidden)]
    assert failures[0].code is failures[1].code is grpc.StatusCode.PERMISSION_DENIED
    assert await client.code("GetCall", unknown, "stranger") is grpc.StatusCode.PERMISSION_DENIED


def visible_in_either_tree(caller: str, is_seen: Callable[[Call], bool]) -> Callable[[Call], bool]:
    return lambda call: is_seen(call) or (caller != "member" and is_seen(replace(call, path=call.path_of_now)))


async def test_a_call_shows_its_record(client: Client, calls: list[Call], owner: asyncpg.Connection) -> None:
    corrected = voided = 0
    by_id = dict(zip(ids(everything := await listed(client)), everything, strict=True))
    for call in calls:
        record, outcome, listed_call = call.record, call.outcome, by_id[call.record["hold_id"]]
        name = f"{ORGANIZATION}/calls/{record['hold_id']}"
        got = await client.call("GetCall", usage_pb2.GetCallRequest(name=name))
        assert got.charge_nano_credits == outcome["charge_nano_credits"]
        assert sum(line.amount_nano_credits for line in got.price_lines) == got.charge_nano_credits
        assert sum(transfer.charge_nano_credits for transfer in got.transfers) == got.charge_nano_credits
        assert [
            [line.category, line.count, line.price_nano_credits, line.amount_nano_credits] for line in got.price_lines
        ] == json.loads(outcome["charge_lines"])
        assert (got.hold_nano_credits, got.detail) == (record["hold_nano_credits"], outcome["detail"])
        assert got.token_count == sum(outcome[name] for name in TOKENS)
        assert (got.tokens.text_output_token_count, got.http_status) == (
            outcome["output_tokens"],
            outcome["http_status"],
        )
        assert got.place_time.ToDatetime(tzinfo=dt.UTC) == call.moment
        assert got.settle_time.ToDatetime(tzinfo=dt.UTC) == record["settle_time"]
        for field in ("duration_ms", "time_to_first_byte_ms"):
            assert (getattr(got, field) if got.HasField(field) else None) == outcome[field]
        assert dict(got.tags) == tags_of(call)
        assert got.is_corrected is (call.correction is not None)
        assert (got.trace_id, got.request_id) == (outcome["trace_id"] or "", outcome["request_id"])
        assert len(got.checked_limits) == len(record["counters"])
        corrected += got.is_corrected
        voided += not got.transfers
        for field in ("price_lines", "transfers", "checked_limits", "catalog_version", "finding"):
            got.ClearField(field)
        assert got == listed_call
    assert corrected
    assert voided


async def test_a_call_shows_its_limits_finding_and_contradictions(client: Client, owner: asyncpg.Connection) -> None:
    await add_catalog_and_robot(owner)
    hold = make_hold(
        group_path=("sales",), member="sa-bot", api_key="key-sa-bot",
        throttles=(Throttle(ThrottleKind.TOKENS, Scope(ScopeKind.GROUP, "sales"), "acme/*"),
                   Throttle(ThrottleKind.CALLS, Scope(ScopeKind.MEMBER, "sa-bot"))),
    )  # fmt: skip
    await settle_batch(owner, [make_settlement(hold, input_tokens=10**9)])
    await settle_batch(owner, [make_settlement(hold, input_tokens=1)])
    got = await client.call("GetCall", usage_pb2.GetCallRequest(name=f"{ORGANIZATION}/calls/{hold.hold_id}"))
    limits = [(limit.guardrail.rpartition("/")[2], limit.kind, limit.models) for limit in got.checked_limits]
    kinds = CallMessage.CheckedLimit
    assert limits == [
        ("apikey-key-1", kinds.KIND_BUDGET, ""),
        ("member-mia", kinds.KIND_BUDGET, ""),
        ("organization", kinds.KIND_BUDGET, ""),
        ("group-sales", kinds.KIND_TOKENS, "acme/*"),
        ("serviceaccount-sa-bot", kinds.KIND_CONCURRENT_CALLS, ""),
    ]
    assert [limit.HasField("period_start_time") for limit in got.checked_limits] == [False, True, True, False, False]
    assert (got.service_account, got.owner_display_name) == (f"{ORGANIZATION}/serviceAccounts/sa-bot", "Robot")
    assert got.finding.name == f"{ORGANIZATION}/usageFindings/{hold.hold_id}"
    assert len(got.discrepancies) == 1
    assert "reported later" in got.discrepancies[0]


async def test_calls_before_the_first_rollup_are_listed(client: Client, owner: asyncpg.Connection) -> None:
    await add_catalog_and_robot(owner)
    lost = make_settlement(make_hold(member="member", placed_epoch_us=int(START.timestamp() * 1e6)))
    await settle_batch(owner, [expiry(lost)])
    await settle_batch(owner, [lost])
    (call,) = await listed(client, "member")
    assert (call.is_corrected, call.charge_nano_credits) == (True, lost.resolution.charge_nano_credits)


async def test_a_token_of_another_list_is_refused(client: Client, calls: list[Call]) -> None:
    request = usage_pb2.ListCallsRequest(parent=ORGANIZATION, page_size=3, time_range=time_range())
    token = (await client.call("ListCalls", request)).next_page_token
    request.page_token = token
    request.page_size = 5
    assert len((await client.call("ListCalls", request)).calls) == 5
    request.usage_filter.models.append("models/zeta")
    failure = await client.failure("ListCalls", request)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    for wrong in ({"page_size": -1}, {"time_range": time_range(END, START)}, {"page_token": "x" * 2_000}):
        failure = await client.failure(
            "ListCalls",
            usage_pb2.ListCallsRequest(parent=ORGANIZATION, **{"time_range": time_range(), **wrong}),  # type: ignore[arg-type]
        )
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
