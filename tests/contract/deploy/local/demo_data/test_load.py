"""A past of the demo organization is back-dated, the audit finds it correct, and it can be loaded once, by the owner only."""

import datetime as dt
from pathlib import Path

import asyncpg
import pytest

from admin_service.demo.content import MEMBERS, TOKENS
from admin_service.demo.secret_file import load_or_create
from admin_service.demo.seed import seed_demo
from deploy.local.demo_data.back_dating import back_dated
from deploy.local.demo_data.load import NotEmptyError, Plan, Summary, load
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog_file import load_catalog
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.conftest import Databases
from tests.contract.usage_service.audit.books import audit, broken
from usage_service.rollups.follower import RollupFollower, caught_up

END = dt.date(2026, 11, 2)
PLAN = Plan(END, days=120, calls=1_500)
SMALL = Plan(END, days=20, calls=150)
RECORDS = """
SELECT u.*, r.hold_id IS NOT NULL AS is_corrected, h.resolve_time, t.create_time, t.amount_nano_credits
  FROM usage_records u JOIN holds h USING (hold_id) LEFT JOIN usage_corrections r USING (hold_id)
  LEFT JOIN ledger_transfers t ON t.hold_id = u.hold_id AND t.kind = 'USAGE'
 ORDER BY u.sequence
"""


async def prepare(url: str, directory: Path) -> asyncpg.Connection:
    """Seeds the demo organization as `./dev up` does, and returns a connection of the owner."""
    owner = await asyncpg.connect(url)
    await sync_catalog(owner, load_catalog(DEFAULT_CATALOG))
    admin = await asyncpg.connect(login_url(url, "megarouter_admin"))
    keys = [key.key_id for member in MEMBERS for key in member.keys]
    secrets = load_or_create(directory / "secrets.json", keys, [token.token_id for token in TOKENS], bytes)
    unique = {name: f"{secret}{number}" for number, (name, secret) in enumerate(secrets.api_keys.items())}
    tokens = {name: f"{secret}{number}" for number, (name, secret) in enumerate(secrets.access_tokens.items())}
    secrets = type(secrets)(tokens, unique)
    await seed_demo(admin, secrets, bytes(32), dt.datetime.now(dt.UTC), dt.timedelta(days=30))
    await admin.close()
    return owner


async def test_a_past_is_back_dated_and_correct(database_url: str, tmp_path: Path) -> None:
    owner = await prepare(database_url, tmp_path)
    days: list[int] = []
    summary = await load(owner, PLAN, days.append)
    assert days == list(range(4, PLAN.days + 1, 4))
    assert 1_300 < summary.calls == await owner.fetchval("SELECT count(*) FROM usage_records")
    assert summary.top_ups >= 1
    await _is_in_the_past(owner)
    tagged = "SELECT count(DISTINCT tags ->> 'project') FROM usage_records WHERE tags ->> 'env' = 'production'"
    assert await owner.fetchval(tagged) > 1
    assert await owner.fetchval("SELECT count(*) FROM usage_records WHERE tags IS NULL") > summary.calls / 4
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=2) as pool:
        await caught_up(RollupFollower(pool))
    assert broken(await audit(database_url)) == {}
    with pytest.raises(NotEmptyError, match="calls or transfers"):
        await load(owner, PLAN)
    await owner.close()


async def _is_in_the_past(owner: asyncpg.Connection) -> None:
    """Every moment is in the past, in the order of the ledger, and nothing that could set it is left."""
    outside = """
        SELECT count(*) FROM usage_records u LEFT JOIN ledger_transfers t USING (hold_id)
         WHERE u.settle_time <= u.place_time OR u.settle_time >= $1 OR u.place_time < $2
            OR t.kind = 'USAGE' AND t.create_time <> u.settle_time
    """
    first = END - dt.timedelta(days=PLAN.days)
    assert (
        await owner.fetchval(
            outside, *(dt.datetime.combine(day, dt.time(), dt.UTC) for day in (END, first - dt.timedelta(1)))
        )
        == 0
    )
    rows = await owner.fetch("SELECT create_time FROM ledger_transfers WHERE sequence > 1 ORDER BY sequence")
    times: list[dt.datetime] = [row[0] for row in rows]
    assert times == sorted(times)
    lowest = """
        SELECT min(balance) FROM (SELECT sum(amount_nano_credits) OVER (ORDER BY create_time, sequence) AS balance
                                    FROM ledger_postings WHERE account = 'CREDIT_POOL') AS balances
    """
    assert await owner.fetchval(lowest) >= 0
    assert await owner.fetchval("SELECT count(*) FROM usage_corrections") > 0
    assert await owner.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname = 'demo_back_dating'") == 0
    moved = "SELECT count(*) FROM usage_names WHERE kind = 'member' AND valid_to IS NOT NULL AND valid_to < $1"
    assert await owner.fetchval(moved, dt.datetime.combine(END, dt.time(), dt.UTC)) > 0


async def test_two_runs_give_the_same_records(databases: Databases, template_database: str, tmp_path: Path) -> None:
    runs: list[tuple[Summary, list[asyncpg.Record]]] = []
    for number in range(2):
        directory = tmp_path / str(number)
        directory.mkdir()
        owner = await prepare(await databases.take(template_database), directory)
        runs.append((await load(owner, SMALL), await owner.fetch(RECORDS)))
        await owner.close()
    (summary, records), (again, others) = runs
    assert len(records) > 100
    assert (summary, records) == (again, others)


@pytest.mark.parametrize("role", ["megarouter_usage", "megarouter_admin", "megarouter_authz"])
async def test_a_service_cannot_back_date(database_url: str, role: str) -> None:
    service = await asyncpg.connect(login_url(database_url, role))
    for statement in (
        "CREATE TRIGGER demo_back_dating BEFORE INSERT ON usage_records FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        "ALTER TABLE usage_records ALTER COLUMN settle_time SET DEFAULT 'epoch'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with service.transaction(), back_dated(service):
            pass
    await service.close()


async def test_an_organization_of_its_own_is_left_alone(database_url: str, tmp_path: Path) -> None:
    owner = await prepare(database_url, tmp_path)
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('acme', 'mine', '{mine}', 'Mine')"
    )
    with pytest.raises(NotEmptyError, match="members or groups"):
        await load(owner, SMALL)
    await owner.close()


async def test_there_must_be_a_demo_organization(owner: asyncpg.Connection) -> None:
    with pytest.raises(NotEmptyError, match="no demo organization"):
        await load(owner, SMALL)
