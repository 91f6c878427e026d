"""Lists by spend, calls, last use and number of keys: the order of a comparison of all rows, at a constant cost per page."""

import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg
import pytest
from google.longrunning.operations_pb2 import ListOperationsRequest  # type: ignore[import-untyped]
from google.protobuf.message import Message
from megarouter.admin.v1 import api_key_pb2, member_pb2, service_account_pb2

from admin_service.access.permissions import Permission
from admin_service.listing.orders import SortColumn
from admin_service.listing.rankings import Ranked, Ranking, Scope, ranked_query
from admin_service.listing.reading import Listing, arguments_of
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.api_keys.store import RANKINGS
from admin_service.resources.members.store import rankings_of_members
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Hold
from gateway_core.model.ledger.transfers import top_up
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.postgres.ledger_store import post_transfers
from gateway_core.stores.postgres.organization_wall import act_for
from tests.contract.admin_service.conftest import Client, add_key
from tests.contract.admin_service.listing.test_reading import TOKENS, cost
from tests.contract.usage_service import settlement_cases
from tests.support.usage.histories import expiry
from usage_service.audit.standing_checks import STANDING_CHECKS
from usage_service.settlement.store import settle_batch
from usage_service.standings.follower import StandingFollower

LISTS: Final = (
    ("ListMembers", member_pb2.ListMembersRequest(view=member_pb2.MEMBER_VIEW_FULL, show_removed=True), "members",
     ("spent_nano_credits", "key_count")),
    ("ListServiceAccounts", service_account_pb2.ListServiceAccountsRequest(
        view=service_account_pb2.SERVICE_ACCOUNT_VIEW_FULL), "service_accounts", ("spent_nano_credits", "key_count")),
    ("ListApiKeys", api_key_pb2.ListApiKeysRequest(view=api_key_pb2.API_KEY_VIEW_FULL), "api_keys",
     ("spent_nano_credits", "call_count", "last_use_time")),
)  # fmt: skip
CALLERS: Final = ("super", "l1", "sub", "member")
RESTRICTIONS: Final[Sequence[dict[str, Any]]] = (
    {},
    {"group": "organizations/acme/groups/platform"},
    {"group": "organizations/acme/groups/platform", "with_descendants": True},
    {"filter": "create_time > 2020-01-01T00:00:00Z"},
)
PLACES: Final = (None, "eng", "platform", "inference", "sales")


@dataclass
class Company:
    """Makes random calls and changes in the organization `acme`."""

    owner: asyncpg.Connection
    randomness: random.Random
    running: list[Hold] = field(default_factory=list)
    lost: list[Any] = field(default_factory=list)
    made: int = 0

    async def act(self) -> None:
        """Does one thing. Half of all are calls."""
        others = (
            self.end_call, self.lose_call, self.find_call, self.change_cycle, self.reset, self.end_period, self.move,
            self.come, self.go, self.add_key, self.end_key, self.transfer, self.change_zone,
        )  # fmt: skip
        await (self.begin_call if self.randomness.random() < 0.5 else self.randomness.choice(others))()

    async def one(self, what: str) -> Any:
        rows = await self.owner.fetch(what)
        return self.randomness.choice(rows) if rows else None

    async def begin_call(self) -> None:
        key = await self.one("SELECT api_key_id, member_id, group_path FROM api_keys WHERE state = 'ACTIVE' AND"
                             " organization_id = 'acme'")  # fmt: skip
        counters = []
        for kind, scope_id in ((ScopeKind.API_KEY, key["api_key_id"]), (ScopeKind.MEMBER, key["member_id"])):
            row = await self.owner.fetchrow(
                "SELECT coalesce(r.cycle, 'NEVER'), extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), time_zone))::bigint,"
                " coalesce(r.cycle_revision, 0) FROM organizations o LEFT JOIN guardrails r"
                " ON r.organization_id = o.organization_id AND r.scope_kind = $1 AND r.scope_id = $2"
                " WHERE o.organization_id = 'acme'",
                kind, scope_id,
            )  # fmt: skip
            assert row is not None
            counters.append(Counter(kind, scope_id, Cycle(row[0]), row[1], row[2]))
        hold = settlement_cases.make_hold(
            group_path=tuple(key["group_path"]), member=key["member_id"], api_key=key["api_key_id"],
            counters=tuple(counters), placed_epoch_us=int(time.time() * 1e6),
        )  # fmt: skip
        self.running.append(hold)
        if self.randomness.random() < 0.8:
            await self.end_call()

    async def end_call(self) -> None:
        if self.running:
            hold = self.running.pop(self.randomness.randrange(len(self.running)))
            settled = settlement_cases.make_settlement(hold, input_tokens=self.randomness.randrange(1, 9))
            await settle_batch(self.owner, [settled])

    async def lose_call(self) -> None:
        if self.running:
            self.lost.append(settlement_cases.make_settlement(self.running.pop()))
            await settle_batch(self.owner, [expiry(self.lost[-1])])

    async def find_call(self) -> None:
        if self.lost:
            await settle_batch(self.owner, [self.lost.pop()])

    async def change_cycle(self) -> None:
        kind, table, column = self.randomness.choice(
            (("member", "members", "member_id"), ("api_key", "api_keys", "api_key_id"))
        )
        row = await self.one(f"SELECT {column} FROM {table} WHERE organization_id = 'acme'")  # noqa: S608
        await self.owner.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', $1, $2, $3)"
            " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET cycle = excluded.cycle",
            kind, row[0], self.randomness.choice(list(Cycle)),
        )  # fmt: skip

    async def reset(self) -> None:
        if row := await self.one("SELECT scope_kind, scope_id FROM guardrails WHERE organization_id = 'acme'"):
            await self.owner.execute(
                "UPDATE guardrails SET reset_time = clock_timestamp()"
                " WHERE organization_id = 'acme' AND scope_kind = $1 AND scope_id = $2",
                *row,
            )

    async def end_period(self) -> None:
        """Puts everything into the period before, as if the clock had gone on."""
        cycle, length = self.randomness.choice(
            ((Cycle.DAILY, 86_400), (Cycle.WEEKLY, 7 * 86_400), (Cycle.MONTHLY, 31 * 86_400))
        )
        await self.owner.execute(
            "UPDATE scope_spend SET counter = concat_ws(':', split_part(counter, ':', 1), split_part(counter, ':', 2), $1::text,"
            " split_part(counter, ':', 4)::bigint - $2, split_part(counter, ':', 5)) WHERE split_part(counter, ':', 3) = $1",
            cycle, length,
        )  # fmt: skip
        await self.owner.execute(
            "UPDATE standings SET period_start = period_start - $2 WHERE cycle = $1 AND period_start > 0", cycle, length
        )

        def earlier(hold: Hold) -> Hold:
            return replace(hold, claims=replace(hold.claims, counters=tuple(
                replace(one, cycle_start_epoch_s=one.cycle_start_epoch_s - length) if one.cycle is cycle else one
                for one in hold.claims.counters)))  # fmt: skip

        self.running = [earlier(hold) for hold in self.running]

    async def move(self) -> None:
        row = await self.one("SELECT member_id FROM members WHERE organization_id = 'acme' AND role = 'MEMBER'")
        await self.owner.execute(
            "UPDATE members SET group_id = $2 WHERE organization_id = 'acme' AND member_id = $1",
            row[0], self.randomness.choice(PLACES),
        )  # fmt: skip

    async def come(self) -> None:
        self.made += 1
        user = f"new-{self.made}" if self.randomness.random() < 0.5 else None
        member = user or f"sa-{self.made}"
        if user:
            await self.owner.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', $1)", user)
        await self.owner.execute(
            "INSERT INTO members (organization_id, member_id, user_id, display_name, group_id, role)"
            " VALUES ('acme', $1, $2, CASE WHEN $2::text IS NULL THEN $1 END, $3, 'MEMBER')",
            member, user, self.randomness.choice(PLACES),
        )  # fmt: skip
        await add_key(self.owner, f"k-{member}", member)

    async def go(self) -> None:
        if row := await self.one("SELECT member_id FROM members WHERE member_id LIKE 'new-%' AND state = 'ACTIVE'"):
            await self.owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = $1", row[0])
            await self.owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE member_id = $1", row[0])

    async def add_key(self) -> None:
        self.made += 1
        row = await self.one("SELECT member_id FROM members WHERE organization_id = 'acme' AND state = 'ACTIVE'")
        await add_key(self.owner, f"more-{self.made}", row[0])

    async def end_key(self) -> None:
        if row := await self.one("SELECT api_key_id FROM api_keys WHERE api_key_id LIKE 'more-%' AND state = 'ACTIVE'"):
            await self.owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = $1", row[0])

    async def transfer(self) -> None:
        key = await self.one("SELECT api_key_id FROM api_keys WHERE organization_id = 'acme' AND state = 'ACTIVE'")
        member = await self.one("SELECT member_id FROM members WHERE organization_id = 'acme' AND state = 'ACTIVE'")
        await self.owner.execute("UPDATE api_keys SET member_id = $2 WHERE api_key_id = $1", key[0], member[0])

    async def change_zone(self) -> None:
        zone = self.randomness.choice(("UTC", "Asia/Tokyo", "America/Lima"))
        await self.owner.execute("UPDATE organizations SET time_zone = $1 WHERE organization_id = 'acme'", zone)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, settlement_cases.ROLE), min_size=1, max_size=2) as made:
        yield made


@pytest.fixture
async def company(owner: asyncpg.Connection, people: None, request: pytest.FixtureRequest) -> Company:
    await sync_catalog(owner, settlement_cases.CATALOG)
    await post_transfers(owner, "acme", [top_up(10**12, idempotency_key="first", actor="test", reason="test")])
    made = Company(owner, random.Random(request.param))
    for _ in range(6):
        await made.come()
    return made


async def listed(client: Client, method: str, request: Message, rows: str, caller: str, **fields: Any) -> Sequence[Any]:
    asked = type(request)()
    asked.CopyFrom(request)
    for name, value in {"parent": "organizations/acme", **fields}.items():
        setattr(asked, name, value)
    found: list[Any] = []
    while True:
        answer = await client.call(method, asked, caller)
        found += getattr(answer, rows)
        asked.page_token = answer.next_page_token  # type: ignore[attr-defined]
        if not answer.next_page_token:
            return found


def figure(row: Any, order: str) -> Any:
    value = getattr(row, order)
    return value.ToNanoseconds() if order == "last_use_time" else value


@pytest.mark.parametrize("company", [1, 2], indirect=True)
async def test_a_ranking_is_the_order_of_the_exact_figures(
    client: Client, owner: asyncpg.Connection, pool: asyncpg.Pool, company: Company
) -> None:
    """The reference is a sort of all rows by their exact figures.

    Seen to fail without the trigger that places or replaces a standing, counts a key or begins a cycle.
    """
    follower, randomness = StandingFollower(pool), company.randomness
    for _ in range(4):
        for _ in range(25):
            await company.act()
        await follower.follow_once()
        assert [await owner.fetch(check.query) for check in STANDING_CHECKS] == [[], []]
        for method, request, rows, orders in LISTS:
            for order in orders:
                direction, other = randomness.choice((("", " desc"), (" desc", "")))
                caller = randomness.choice(CALLERS[:3] if method == "ListServiceAccounts" else CALLERS)
                more = {} if caller == "member" else randomness.choice(RESTRICTIONS)

                async def found(
                    order_by: str, size: int, listing: Any = (method, request, rows, caller), more: Any = more
                ) -> Any:
                    return await listed(client, *listing, order_by=order_by, page_size=size, **more)

                everything = await found("name", 1_000)
                exact = sorted((figure(row, order) for row in everything), reverse=bool(direction))
                by_one = await found(f"{order}{direction}", randomness.randrange(3, 8))
                assert [figure(row, order) for row in by_one] == exact, (method, order)
                assert {row.name for row in by_one} == {row.name for row in everything}
                turned = await found(f"{order}{other}", 1_000)
                assert [row.name for row in turned][::-1] == [row.name for row in by_one]


CROWD: Final = 20_000
DEEP: Final = "large", "small"


async def crowd(owner: asyncpg.Connection, count: int) -> None:
    """Adds standings of every cycle, one in 143 in the group `small`. A third has no figure in its present period."""
    await owner.execute(
        "INSERT INTO standings"
        " SELECT 'acme', kind, left(kind, 1) || '-' || to_char(n, 'FM000000'),"
        "        CASE WHEN n % 143 = 0 THEN '{large,small}'::text[] ELSE '{large}' END, false, c.cycle, 1,"
        "        CASE WHEN n % 3 = 0 THEN 1 ELSE c.start END, n * 7919 % 20011, n * 7907 % 20011, to_timestamp(n * 7901 % 20011)"
        "   FROM unnest(ARRAY['member', 'api_key']) AS kind, generate_series(1, $1::int) AS n"
        "   JOIN (SELECT cycle, extract(epoch FROM cycle_start(cycle, 'UTC'))::bigint AS start, at"
        "           FROM unnest(ARRAY['NEVER', 'DAILY', 'WEEKLY', 'MONTHLY']) WITH ORDINALITY AS c (cycle, at)) AS c"
        "     ON n % 4 = c.at - 1",
        count,
    )
    await owner.execute(
        "INSERT INTO key_counts SELECT organization_id, kind, id, group_path, is_removed,"
        " ('x' || substr(md5(id), 1, 4))::bit(16)::int"
        "  FROM standings WHERE kind = 'member' AND id LIKE 'm-0%'"
    )
    await owner.execute("VACUUM ANALYZE standings, key_counts")


# Only what the ranking costs: the rows themselves are found by their ids.
LISTED: Final = Listing(
    columns="page.id", source="LATERAL (SELECT 'acme'::text AS organization_id, page.id) m", make=str,
    permission=Permission.MEMBERS_READ, orders={}, unique=SortColumn("t.id"), default_order="name", fields={},
)  # fmt: skip
PAGES: Final = tuple(
    replace(ranking, listed="m", id="id") for ranking in (*rankings_of_members("member").values(), *RANKINGS.values())
)


def positions(ranking: Ranking) -> Sequence[str]:
    """Returns where pages begin: at the first row, in the middle, and among rows without a figure in the present period."""
    if ranking.is_periodic:
        return "", "5000\x000\x000\x00m", "0\x001\x005000\x00m"
    if ranking.figure.kind == "timestamptz":
        return "", "1970-01-01T02:46:40+00:00\x00k", "1970-01-01T05:33:19+00:00\x00k"
    return "", "30000\x00m", "65000\x00m"


async def test_a_page_costs_the_same_at_every_position_for_everyone(
    owner: asyncpg.Connection, people: None, database_url: str
) -> None:
    """Rows of all four cycles are as many, so every branch reads a page."""
    await crowd(owner, CROWD)
    admin = await asyncpg.connect(login_url(database_url, "megarouter_admin"))
    costs: dict[str, tuple[int, int]] = {}
    async with admin.transaction():
        await act_for(admin, ["acme"])
        for ranking in PAGES:
            for visible in (
                Condition("true"),
                *(Condition(f"t.group_path[{level}] = {{}}", DEEP[level - 1]) for level in (1, 2)),
            ):
                for last, is_descending in itertools.product(positions(ranking), (False, True)):
                    asked = ListOperationsRequest(page_size=50)
                    asked.page_token = TOKENS.encode(last, arguments_of(asked)) if last else ""
                    scope = Scope("acme", [visible], with_removed=False)
                    query = await ranked_query(admin, LISTED, Ranked(ranking, is_descending), asked, TOKENS, scope)
                    name = f"{ranking.kind} {ranking.figure.expression} {visible} {last!r} {is_descending}"
                    costs[name] = await cost(admin, query)
    await admin.close()
    print(json.dumps(costs, indent=1))  # noqa: T201 - prints the figures
    # 51 rows of each cycle.
    assert max(rows for rows, _ in costs.values()) <= 4 * 51
    assert max(buffers for _, buffers in costs.values()) <= 300
