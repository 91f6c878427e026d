"""The audit recomputes what lists are ordered by, and names each standing and number of keys that is not right."""

import asyncpg
import pytest

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.settlement_cases import make_settlement
from tests.contract.usage_service.standings.test_follower import MEMBER, hold, mia, pool
from usage_service.audit.standing_checks import STANDING_CHECKS
from usage_service.settlement.store import settle_batch
from usage_service.standings.follower import StandingFollower

__all__ = ("mia", "pool")

STANDINGS, KEY_COUNTS = (check.name for check in STANDING_CHECKS)
# The corruption, the check that reports it, the row, and words of the fault.
BREAKS = {
    "a spend that was raised": (
        "UPDATE standings SET spent_nano_credits = spent_nano_credits + 1 WHERE id = 'mia'",
        STANDINGS, "standing member mia", "its counter",
    ),
    "a call that was not counted": (
        "UPDATE standings SET call_count = call_count - 1 WHERE id = 'key-1'", STANDINGS, "standing api_key key-1", "its counter",
    ),
    "a spend without calls": (
        "UPDATE standings SET spent_nano_credits = 5 WHERE id = 'sa-1'",
        STANDINGS, "standing service_account sa-1", "its counter 0",
    ),
    "a use that was forgotten": (
        "UPDATE standings SET last_use_time = 'epoch' WHERE id = 'key-1'", STANDINGS, "standing api_key key-1", "the last use",
    ),
    "a standing that was deleted": (
        "DELETE FROM standings WHERE id = 'mia'", STANDINGS, "standing member mia", "is missing",
    ),
    "a standing of none": (
        "UPDATE standings SET id = 'mia-2' WHERE id = 'sa-1'", STANDINGS, "standing service_account mia-2", "is of none",
    ),
    "another place": (
        "UPDATE standings SET group_path = '{x}' WHERE id = 'key-1'", STANDINGS, "standing api_key key-1", "another place",
    ),
    "a member who is not removed": (
        "UPDATE standings SET is_removed = true WHERE id = 'mia'", STANDINGS, "standing member mia", "another place",
    ),
    "another cycle": (
        "UPDATE standings SET cycle = 'DAILY' WHERE id = 'mia'", STANDINGS, "standing member mia", "another place",
    ),
    "a standing that an earlier period left": (
        "UPDATE standings SET period_start = period_start - 86400 WHERE id = 'key-1'", STANDINGS, "standing api_key key-1", "since",
    ),
    "a period to come": (
        "UPDATE standings SET period_start = period_start + 86400 WHERE id = 'key-1'",
        STANDINGS, "standing api_key key-1", "has not begun",
    ),
    "a key that is not counted": (
        "UPDATE key_counts SET key_count = 0 WHERE id = 'mia'", KEY_COUNTS, "key count member mia", "says 0 keys instead of 1",
    ),
    "a number of keys of none": (
        "UPDATE key_counts SET kind = 'member' WHERE id = 'sa-1'", KEY_COUNTS, "key count member sa-1", "is of none",
    ),
    "a number of keys in another place": (
        "UPDATE key_counts SET group_path = '{x}' WHERE id = 'sa-1'", KEY_COUNTS, "key count service_account sa-1", "another place",
    ),
}  # fmt: skip


@pytest.fixture
async def day(owner: asyncpg.Connection, mia: None) -> Counter:
    """The counter of a key with a budget of each day."""
    row = await owner.fetchrow(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', 'api_key', 'key-1', 'DAILY')"
        " RETURNING extract(epoch FROM cycle_start('DAILY', 'UTC'))::bigint, cycle_revision"
    )
    assert row is not None
    return Counter(ScopeKind.API_KEY, "key-1", Cycle.DAILY, *row)


@pytest.fixture
async def used(owner: asyncpg.Connection, pool: asyncpg.Pool, day: Counter) -> None:
    """Two calls of mia by the key, and a service account without any."""
    await settle_batch(owner, [make_settlement(hold(day, MEMBER)) for _ in range(2)])
    await StandingFollower(pool).follow_once()


async def test_what_is_followed_is_right_and_what_is_not_is_left_for_later(
    owner: asyncpg.Connection, used: None, day: Counter, database_url: str
) -> None:
    found = [one for one in (await audit(database_url)).findings if one.name in {STANDINGS, KEY_COUNTS}]
    assert [(one.breach_count, one.examined) for one in found] == [(0, 5), (0, 2)]
    await settle_batch(owner, [make_settlement(hold(day, MEMBER))])
    assert {STANDINGS, KEY_COUNTS}.isdisjoint(broken(await audit(database_url)))
    await owner.execute("UPDATE standing_positions SET sequence = sequence + 1")
    assert broken(await audit(database_url))[STANDINGS].breach_count == 2


async def test_each_corruption_is_reported(owner: asyncpg.Connection, used: None) -> None:
    queries = {check.name: check.query for check in STANDING_CHECKS}
    for name, (statement, check, row, fault) in BREAKS.items():
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(statement)
        reported = [(line[1], line[2]) for line in await owner.fetch(queries[check])]
        await transaction.rollback()
        assert any(where == row and fault in what for where, what in reported), (name, reported)
    assert [await owner.fetch(query) for query in queries.values()] == [[], []]
