"""`./dev demo-data` loads once into a new stack, and waits for the rollups. `./dev up --demo-data` does the same."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner, Result

from deploy.local.cli import commands as cli
from deploy.local.cli import demo_commands, demo_data
from deploy.local.demo_data.load import Plan
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.environment import CONSOLE_URL, DATABASE_URL, REDIS_URL
from deploy.local.stack.specification import home_in
from gateway_core.runtime.background import in_background
from tests.contract.deploy.local.demo_data.test_load import prepare
from usage_service.rollups.follower import RollupFollower

TODAY = dt.date(2026, 11, 2)
FOLLOWED = "SELECT r.sequence = h.sequence AND h.sequence > 100 FROM usage_rollups r JOIN ledger_heads h USING (organization_id)"

WITHOUT_SERVICES = {
    "MEGAROUTER_ORGANIZATION": "organizations/acme",
    "MEGAROUTER_ADMIN_TOKEN": "unused",
    "MEGAROUTER_ADMIN_URL": "http://127.0.0.1:1",
    CONSOLE_URL: "http://127.0.0.1:1/console/",
}
"""Nothing answers there."""


@pytest.fixture
async def home(
    database_url: str, redis_server: RedisServer, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    """The home of a stack of which only the databases and the follower of usage_service run.

    Redis starts empty, because nothing here updates a pool that another test left in it.
    """
    owner = await prepare(database_url, tmp_path)
    await owner.close()
    place = home_in(tmp_path / "home")
    place.directory.mkdir()
    known = {DATABASE_URL: database_url, REDIS_URL: redis_server.url, **WITHOUT_SERVICES}
    place.environment_file.write_text("".join(f"{name}='{value}'\n" for name, value in known.items()))
    monkeypatch.setattr(demo_commands, "running_state", lambda _: object())
    monkeypatch.setattr(demo_data, "plan_until", lambda _, *, year: Plan(TODAY, 10 + year, 150))
    async with (
        asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=2) as pool,
        in_background(RollupFollower(pool).run()),
    ):
        yield place.directory


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli.application, arguments)


async def test_it_loads_once(home: Path, owner: asyncpg.Connection) -> None:
    result = await run("demo-data", "--year", "--home", str(home))
    assert result.exit_code == 0, result.output
    assert "calls of 11 days in" in result.output
    assert await owner.fetchval(FOLLOWED)
    again = await run("demo-data", "--home", str(home))
    assert again.exit_code == 1
    assert "has calls or transfers already" in again.output
    assert "use a new --home" in again.output


async def test_up_loads_a_year(home: Path, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(demo_commands, "bring_up", lambda _, *, detach: started.append(detach))
    result = await run("up", "--demo-data", "--detach", "--home", str(home))
    assert result.exit_code == 0, result.output
    assert "calls of 11 days in" in result.output
    assert await owner.fetchval(FOLLOWED)
    again = await run("up", "--demo-data", "--detach", "--home", str(home))
    assert again.exit_code == 0, again.output
    assert "no demo data: the organization `acme` has calls or transfers already" in again.output
    assert started == [True, True]


@pytest.mark.parametrize(("year", "days", "calls"), [(False, 30, 32_877), (True, 365, 400_000)])
def test_the_plan_ends_yesterday(*, year: bool, days: int, calls: int) -> None:
    assert demo_data.plan_until(TODAY, year=year) == Plan(TODAY, days, calls)
