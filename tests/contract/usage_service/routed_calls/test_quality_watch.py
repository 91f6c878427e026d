"""A use case whose routed conversations are proven to be worse than allowed goes back to the baseline, once, until it is lifted."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.encoded_routing import routing_of_text
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from usage_service.routed_calls.quality_watch import DAYS, QualityWatch

MODEL = "vm-assistant"
LOSSES = '[["summaries", "light", 0], ["contracts", "light", 0]]'


@pytest.fixture
async def watch(owner: asyncpg.Connection, database_url: str) -> AsyncIterator[QualityWatch]:
    await prepare(owner, "acme", "other")
    for organization in ("acme", "other"):
        await owner.execute(
            "INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates,"
            " baseline_model, losses) VALUES ($1, $2, 'assistant', 'organization', $1, '{top,light}', 'top', $3)",
            organization, MODEL, LOSSES,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO routing_policies (organization_id, scope_kind, scope_id, mode) VALUES ($1, 'organization', $1, 'LIVE')",
            organization,
        )
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        yield QualityWatch(pool)


async def converse(
    owner: asyncpg.Connection,
    arm: str,
    count: int,
    bad: int,
    *,
    signal: str = "truncated",
    rates: bool = False,
    age: dt.timedelta = dt.timedelta(hours=1),
    **columns: Any,
) -> None:
    """Adds conversations of one call each, of which some went wrong: with a signal, or with a bad rating."""
    values = {
        "organization_id": "acme", "virtual_model_id": MODEL, "revision": 1, "use_case": "summaries", "reason": "cheapest",
        "max_loss_basis_points": 100, **columns,
    }  # fmt: skip
    names, marks = ", ".join(values), ", ".join(f"${number}" for number in range(7, 7 + len(values)))
    await owner.execute(
        f"WITH made AS (INSERT INTO routed_calls (hold_id, sequence, virtual_model, arm, is_simple, baseline_model,"  # noqa: S608
        f" baseline_price_version, chosen_model, chosen_price_version, session, signals, place_time, {names})"
        f" SELECT 'hold-' || gen_random_uuid(), n, 'assistant', $1, true, 'top', 1, 'light', 1, gen_random_uuid(),"
        f" CASE WHEN n <= $3 AND NOT $5 THEN ARRAY[$4] ELSE '{{}}' END, now() - $6::interval, {marks}"
        f" FROM generate_series(1, $2) AS n RETURNING organization_id, hold_id, sequence)"
        f" INSERT INTO call_ratings (organization_id, request_id, member_id, hold_id, rating)"
        f" SELECT organization_id, hold_id, 'mia', hold_id, CASE WHEN sequence <= $3 THEN 'bad' ELSE 'good' END FROM made WHERE $5",
        arm, count, bad, signal, rates, age, *values.values(),
    )  # fmt: skip


async def worse(owner: asyncpg.Connection, **changes: Any) -> None:
    """Adds conversations of which 4 of 10 went wrong when routed, and 1 of 10 with the baseline."""
    await converse(owner, "ROUTED", 1_000, 400, **changes)
    await converse(owner, "HOLDOUT", 200, 20, **changes)


async def returned(owner: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await owner.fetch(
        "SELECT organization_id, use_case, measure FROM routing_returns WHERE lift_time IS NULL ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_a_use_case_that_is_worse_than_allowed_goes_back_once(
    watch: QualityWatch, owner: asyncpg.Connection
) -> None:
    await worse(owner)
    await asyncio.gather(*(watch.watch_once() for _ in range(2)))
    await watch.watch_once()
    [row] = await owner.fetch("SELECT * FROM routing_returns")
    assert (row["organization_id"], row["virtual_model_id"], row["use_case"]) == ("acme", MODEL, "summaries")
    assert (row["measure"], row["allowed_basis_points"]) == ("troubled", 100)
    assert (row["routed_count"], row["routed_bad"], row["held_out_count"], row["held_out_bad"]) == (1_000, 400, 200, 20)
    assert 100 < row["low_basis_points"] < row["loss_basis_points"] < 3_100


async def test_bad_ratings_return_a_use_case_too(watch: QualityWatch, owner: asyncpg.Connection) -> None:
    await worse(owner, rates=True)
    await watch.watch_once()
    assert await returned(owner) == [("acme", "summaries", "rated_bad")]


async def test_other_use_cases_and_organizations_stay_routed(watch: QualityWatch, owner: asyncpg.Connection) -> None:
    await worse(owner)
    others: list[dict[str, Any]] = [{"use_case": "contracts"}, {"organization_id": "other"}]
    for changes in others:
        await converse(owner, "ROUTED", 1_000, 110, **changes)
        await converse(owner, "HOLDOUT", 200, 20, **changes)
    await watch.watch_once()
    assert await returned(owner) == [("acme", "summaries", "troubled")]


@pytest.mark.parametrize(
    "changes",
    [
        {"max_loss_basis_points": 4_000},
        {"signal": "failed"},
        {"revision": 2},
        {"age": dt.timedelta(days=DAYS, minutes=1)},
        {"reason": "degraded"},
    ],
)
async def test_what_is_allowed_or_says_nothing_of_the_model_returns_nothing(
    watch: QualityWatch, owner: asyncpg.Connection, changes: dict[str, Any]
) -> None:
    await worse(owner, **changes)
    await watch.watch_once()
    assert await returned(owner) == []


async def test_with_few_conversations_nothing_is_returned(watch: QualityWatch, owner: asyncpg.Connection) -> None:
    await converse(owner, "ROUTED", 1_000, 1_000)
    await converse(owner, "HOLDOUT", 99, 0)
    await watch.watch_once()
    assert await returned(owner) == []


async def test_an_organization_that_only_watches_is_not_judged(watch: QualityWatch, owner: asyncpg.Connection) -> None:
    await worse(owner)
    await owner.execute("UPDATE routing_policies SET mode = 'SHADOW'")
    await watch.watch_once()
    assert await returned(owner) == []


async def test_once_lifted_only_later_conversations_count(watch: QualityWatch, owner: asyncpg.Connection) -> None:
    await worse(owner)
    await watch.watch_once()
    await owner.execute("UPDATE routing_returns SET lift_time = now() - interval '1 minute'")
    await watch.watch_once()
    assert await returned(owner) == []
    await worse(owner, age=dt.timedelta())
    await watch.watch_once()
    assert await returned(owner) == [("acme", "summaries", "troubled")]
    assert await owner.fetchval("SELECT count(*) FROM routing_returns") == 2


async def test_a_caller_s_routing_has_what_was_returned_and_moves_the_revision_of_identities(
    watch: QualityWatch, owner: asyncpg.Connection
) -> None:
    revision = "SELECT coalesce(max(revision), 0) FROM identity_revisions WHERE organization_id = 'acme'"
    before = await owner.fetchval(revision)
    await worse(owner)
    await watch.watch_once()
    assert await owner.fetchval(revision) > before
    text = await owner.fetchval("SELECT routing_of('acme', '{}', '')")
    routing = routing_of_text(text, [Scope(ScopeKind.ORGANIZATION, "acme")])
    assert routing.virtual_models["assistant"].returned == {"summaries"}
    await owner.execute("UPDATE routing_returns SET lift_time = now()")
    text = await owner.fetchval("SELECT routing_of('acme', '{}', '')")
    assert not routing_of_text(text, [Scope(ScopeKind.ORGANIZATION, "acme")]).virtual_models["assistant"].returned


async def test_the_service_cannot_lift_a_return(watch: QualityWatch, database_url: str) -> None:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=1) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("UPDATE routing_returns SET lift_time = now()")
