"""The audit passes on correct accounting data, and names exactly what is wrong with corrupt data."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from deploy.local.cli.commands import application
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import service_database_urls
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT
from gateway_core.stores.redis.keys import counter_key, pool_key
from tests.contract.usage_service.audit.books import audit, broken, keep_books, unguarded
from tests.contract.usage_service.settlement_cases import OUTPUT_PRICE, charge
from usage_service.audit.database import CHECKS, open_snapshot
from usage_service.audit.guard_checks import IMMUTABLE_TABLES
from usage_service.audit.redis_comparison import compare


@pytest.fixture
async def books(owner: asyncpg.Connection) -> None:
    await keep_books(owner)


async def test_correct_data_has_no_violation(books: None, database_url: str) -> None:
    report = await audit(database_url)
    assert broken(report) == {}
    assert [finding.name for finding in report.findings] == [check.name for check in CHECKS]
    assert all(finding.examined for finding in report.findings[:10])


async def test_the_figures_show_unconfirmed_charges_and_charges_beyond_the_hold(books: None, database_url: str) -> None:
    figures = (await audit(database_url)).figures
    hold = charge(100, 50)
    assert (figures.organization_count, figures.record_count, figures.open_hold_count) == (2, 9, 1)
    assert (figures.unconfirmed_count, figures.unconfirmed_amount) == (1, hold)
    assert (figures.correction_count, figures.correction_delta) == (1, charge() - hold)
    assert (figures.overspend_count, figures.overspend_max) == (1, 10 * OUTPUT_PRICE)
    assert figures.overspend_sum == figures.overspend_max
    spent = 5 * charge() + charge(100, 60) + 2 * hold + (charge() - hold)
    assert figures.balance == 2_000 * NANO_CREDITS_PER_CREDIT - 12 - spent
    assert figures.charge == spent - (charge() - hold)


async def test_an_empty_database_has_no_violation(database_url: str) -> None:
    assert broken(await audit(database_url)) == {}


# The corruption, the checks that must report it, and words of the report. Several checks may report one corruption; the test looks
# for the words in the first.
BREAKS = {
    "a transfer on a route its kind does not have": (
        ("ALTER TABLE ledger_transfers DROP CONSTRAINT allowed_route;"
        " UPDATE ledger_transfers SET debit_account = 'ADJUSTMENTS' WHERE organization_id = 'other' AND kind = 'TOP_UP'"),
        "transfers-balance", "transfer 1", {"constraints-in-place", "balances-are-sums"},
    ),
    "a stored balance that was raised": (
        ("UPDATE ledger_accounts SET balance_nano_credits = balance_nano_credits + 1"
        " WHERE organization_id = 'acme' AND account = 'CREDIT_POOL'"),
        "balances-are-sums", "account CREDIT_POOL", {"accounts-sum-to-zero"},
    ),
    "two stored balances that were moved": (
        ("UPDATE ledger_accounts SET balance_nano_credits = balance_nano_credits"
        " + CASE account WHEN 'CREDIT_POOL' THEN 5 ELSE -5 END"
        " WHERE organization_id = 'acme' AND account IN ('CREDIT_POOL', 'USAGE')"),
        "balances-are-sums", "account USAGE", set(),
    ),
    "a balance that is correct for another sequence number": (
        "UPDATE ledger_accounts SET sequence = sequence - 1 WHERE organization_id = 'other' AND account = 'USAGE'",
        "balances-are-sums", "account USAGE", set(),
    ),
    "a transfer whose amount was changed": (
        ("UPDATE ledger_transfers SET amount_nano_credits = amount_nano_credits + 1"
        " WHERE organization_id = 'other' AND kind = 'USAGE'"),
        "charges-are-posted", "hold ", {"balances-are-sums"},
    ),
    "a top-up that was deleted": (
        "DELETE FROM ledger_transfers WHERE organization_id = 'other' AND kind = 'TOP_UP'",
        "sequences-without-gap", "number 2", {"balances-are-sums", "credit-has-authority"},
    ),
    "a credit line whose use was set back": (
        "UPDATE credit_lines SET used_nano_credits = 0 WHERE organization_id = 'other'",
        "credit-has-authority", "credit line", set(),
    ),
    "an approved request without its top-up": (
        ("INSERT INTO top_up_requests (organization_id, top_up_request_id, user_id, idempotency_key, amount_nano_credits, state,"
        " decide_time, decider_user_id) VALUES ('other', 't', 'u', 'k', 5, 'APPROVED', now(), 'u')"),
        "credit-has-authority", "top-up-request:t", set(),
    ),
    "a grant of another amount than its transfer": (
        ("INSERT INTO credit_grants (organization_id, credit_grant_id, user_id, amount_nano_credits)"
        " VALUES ('acme', 'u:1', 'u', 4)"),
        "credit-has-authority", "grant:u:1", set(),
    ),
    "credit that no trigger counts": (
        "ALTER TABLE ledger_transfers DISABLE TRIGGER ledger_transfers_use_credit_line",
        "credit-line-guard", "table ledger_transfers", set(),
    ),
    "a credit line without its limit": (
        "ALTER TABLE credit_lines DROP CONSTRAINT within_line",
        "constraints-in-place", "table credit_lines", set(),
    ),
    "a sequence number that is used twice": (
        ("UPDATE ledger_transfers SET sequence = (SELECT sequence FROM usage_records WHERE outcome = 'VOIDED')"
        " WHERE organization_id = 'acme' AND kind = 'ADJUSTMENT'"),
        "sequences-without-gap", "number ", {"balances-are-sums"},
    ),
    "a head that was set back": (
        "UPDATE ledger_heads SET sequence = sequence - 1 WHERE organization_id = 'other'",
        "sequences-without-gap", "head", set(),
    ),
    "an idempotency key that was posted twice": (
        ("ALTER TABLE ledger_transfers DROP CONSTRAINT ledger_transfers_organization_id_idempotency_key_key;"
        " UPDATE ledger_transfers SET idempotency_key = 'a' WHERE organization_id = 'acme' AND kind = 'REFUND'"),
        "idempotency-keys-unique", "key a", {"constraints-in-place"},
    ),
    "a resolved hold that was reopened": (
        "UPDATE holds SET state = 'HELD', resolve_time = NULL, expire_time = now() - interval '1 day' WHERE state = 'VOIDED'",
        "holds-resolved-once", "hold ", {"holds-in-time"},
    ),
    "an open hold that was resolved without a record": (
        "UPDATE holds SET state = 'SETTLED', resolve_time = now() WHERE state = 'HELD'",
        "holds-resolved-once", "hold ", set(),
    ),
    "a record whose hold was deleted": (
        "DELETE FROM holds WHERE organization_id = 'other'",
        "holds-resolved-once", "hold ", set(),
    ),
    "a record of another organization": (
        "UPDATE holds SET organization_id = 'acme' WHERE organization_id = 'other'",
        "records-match-holds", "hold ", set(),
    ),
    "a record with another held amount": (
        "UPDATE usage_records SET hold_nano_credits = hold_nano_credits + 1 WHERE organization_id = 'other'",
        "records-match-holds", "hold ", set(),
    ),
    "a charge that was lowered": (
        "UPDATE usage_records SET charge_nano_credits = charge_nano_credits - 1 WHERE organization_id = 'other'",
        "charges-are-sums", "record ", {"charges-are-posted", "spend-is-recomputed"},
    ),
    "a charge line that differs from its price": (
        ("UPDATE usage_records SET charge_lines = jsonb_set(jsonb_set("
        "charge_lines, '{0,3}', to_jsonb((charge_lines -> 0 ->> 3)::bigint + 1)), '{1,3}',"
        " to_jsonb((charge_lines -> 1 ->> 3)::bigint - 1)) WHERE organization_id = 'other'"),
        "charges-are-sums", "record ", set(),
    ),
    "a token that the provider counted and no line charges": (
        "UPDATE usage_records SET input_audio_tokens = 1 WHERE organization_id = 'other'",
        "counts-are-charged", "record ", set(),
    ),
    "a use that a line charges and the provider did not count": (
        ("UPDATE usage_records SET charge_lines = charge_lines || '[[\"fee:web_search\", 1, 0, 0]]'"
        " WHERE organization_id = 'other'"),
        "counts-are-charged", "record ", set(),
    ),
    "a fee that is not its uses times their price": (
        ("UPDATE usage_records SET charge_lines = charge_lines || '[[\"fee:web_search\", 2, 10, 0]]',"
        " uses = '{\"web_search\": 2}' WHERE organization_id = 'other'"),
        "charges-are-sums", "record ", set(),
    ),
    "a usage transfer without a record": (
        "UPDATE ledger_transfers SET hold_id = 'stranger' WHERE organization_id = 'other' AND kind = 'USAGE'",
        "charges-are-posted", "transfer 2", {"sequences-without-gap"},
    ),
    "a correction that states another difference": (
        "UPDATE usage_corrections SET delta_nano_credits = delta_nano_credits + 1",
        "corrections-consistent", "correction ", {"spend-is-recomputed"},
    ),
    "a correction that refers to another transfer": (
        "UPDATE ledger_transfers SET corrects_sequence = 1 WHERE kind = 'CORRECTION'",
        "corrections-consistent", "correction ", set(),
    ),
    "a correction of a call that was settled": (
        "UPDATE usage_corrections SET hold_id = (SELECT hold_id FROM usage_records WHERE outcome = 'SETTLED' LIMIT 1)",
        "corrections-consistent", "correction ",
        {"sequences-without-gap"},
    ),
    "an expired record that is not flagged": (
        "UPDATE usage_records SET detail = 'completed' WHERE outcome = 'EXPIRED'",
        "unconfirmed-flagged", "hold ", set(),
    ),
    "a charge of a call that no provider counted": (
        "UPDATE usage_records SET source = 'none' WHERE charge_nano_credits > hold_nano_credits",
        "estimates-within-holds", "hold ", set(),
    ),
    "a call beyond a hold that is the most it can cost": (
        "UPDATE organizations SET update_time = 'epoch'",
        "strict-holds-suffice", "hold ", set(),
    ),
    "a counter that was reset": (
        "UPDATE scope_spend SET settled_nano_credits = 0 WHERE organization_id = 'other' AND counter LIKE 'member:%'",
        "spend-is-recomputed", "counter member:mia", set(),
    ),
    "a counter that was deleted": (
        "DELETE FROM scope_spend WHERE organization_id = 'other' AND counter LIKE 'api_key:%'",
        "spend-is-recomputed", "counter api_key:key-1", set(),
    ),
    "a call that was not counted": (
        "UPDATE scope_spend SET call_count = call_count - 1 WHERE organization_id = 'other' AND counter LIKE 'organization:%'",
        "spend-is-recomputed", "counter organization:other", set(),
    ),
    "a counter that forgot what it carried over": (
        ("UPDATE scope_spend SET settled_nano_credits = settled_nano_credits - carried_nano_credits, carried_nano_credits = 0"
        " WHERE counter LIKE 'group:vision:%' AND carried_sequence > 0"),
        "spend-is-recomputed", "counter group:vision", set(),
    ),
    "a hold that was not swept": (
        "UPDATE holds SET expire_time = now() - interval '61 seconds' WHERE state = 'HELD'",
        "holds-in-time", "hold ", set(),
    ),
    "a price that was never in force": (
        "UPDATE usage_records SET price_version = 99 WHERE organization_id = 'other'",
        "prices-on-record", "hold ", set(),
    ),
    "a table without row-level security": (
        "ALTER TABLE usage_records DISABLE ROW LEVEL SECURITY",
        "organization-wall", "table usage_records", set(),
    ),
    "a view that bypasses row-level security": (
        "ALTER VIEW ledger_postings RESET (security_invoker)",
        "organization-wall", "view ledger_postings", set(),
    ),
    "a constraint that was dropped": (
        "ALTER TABLE ledger_transfers DROP CONSTRAINT two_accounts",
        "constraints-in-place", "table ledger_transfers", set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
async def test_a_corruption_is_reported(books: None, owner: asyncpg.Connection, database_url: str, name: str) -> None:
    statement, check, row, others = BREAKS[name]
    async with unguarded(owner):
        await owner.execute(statement)
    found = broken(await audit(database_url))
    assert check in found
    assert any(breach.row.startswith(row) for breach in found[check].breaches), found[check]
    assert found.keys() - {check} == others


@pytest.mark.parametrize("table", IMMUTABLE_TABLES)
@pytest.mark.parametrize("how", ["disabled", "dropped", "for one column", "for replicas alone"])
async def test_a_table_without_its_guard_is_reported(
    owner: asyncpg.Connection, database_url: str, table: str, how: str
) -> None:
    trigger = f"{table}_immutable"
    await owner.execute(
        {
            "disabled": f"ALTER TABLE {table} DISABLE TRIGGER {trigger}",
            "dropped": f"DROP TRIGGER {trigger} ON {table}",
            "for one column": f"DROP TRIGGER {trigger} ON {table}; CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW WHEN (false) EXECUTE FUNCTION refuse_change()",
            "for replicas alone": f"ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}",
        }[how]
    )
    found = broken(await audit(database_url))
    assert found.keys() == {"immutability-triggers"}
    breaches = found["immutability-triggers"].breaches
    assert {(breach.row, breach.fault.split()[-1]) for breach in breaches} == {
        (f"table {table}", "UPDATE"),
        (f"table {table}", "DELETE"),
    }


async def test_a_guard_that_lets_everything_pass_is_reported(owner: asyncpg.Connection, database_url: str) -> None:
    await owner.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    )
    assert broken(await audit(database_url)).keys() == {"immutability-triggers"}


async def test_the_reported_rows_are_bounded_but_all_are_counted(
    books: None, owner: asyncpg.Connection, database_url: str
) -> None:
    async with unguarded(owner):
        await owner.execute("UPDATE usage_records SET price_version = 99")
    finding = broken(await audit(database_url, rows=4))["prices-on-record"]
    assert (finding.breach_count, len(finding.breaches)) == (9, 4)


async def test_an_audit_reads_one_snapshot_and_blocks_no_writer(
    books: None, owner: asyncpg.Connection, database_url: str
) -> None:
    async with open_snapshot(database_url) as connection:
        await connection.fetchval("SELECT count(*) FROM usage_records")
        await asyncio.wait_for(owner.execute("UPDATE ledger_heads SET sequence = sequence + 1"), 30)
        heads = await connection.fetchval("SELECT sum(sequence) FROM ledger_heads")
        modes = await owner.fetch("SELECT DISTINCT mode FROM pg_locks WHERE pid = $1", connection.get_server_pid())
        # The ExclusiveLock is on the audit's own transaction id.
        assert {row["mode"] for row in modes} <= {"AccessShareLock", "ExclusiveLock"}
        assert heads + 2 == await owner.fetchval("SELECT sum(sequence) FROM ledger_heads")


async def test_the_audit_cannot_write_or_read_secrets(database_url: str) -> None:
    async with open_snapshot(database_url) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("UPDATE ledger_heads SET sequence = 0")
    for table in ("users", "access_tokens", "api_keys"):
        async with open_snapshot(database_url) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608


async def fill_redis(owner: asyncpg.Connection, redis: Redis) -> None:
    """Fills Redis as if it had followed everything."""
    row = await owner.fetchrow("SELECT balance_nano_credits, h.sequence FROM ledger_heads h JOIN ledger_accounts a"
        " USING (organization_id) WHERE organization_id = 'acme' AND account = 'CREDIT_POOL'")  # fmt: skip
    (hold,) = await owner.fetch("SELECT hold_id, amount_nano_credits, counters FROM holds WHERE state = 'HELD'")
    assert row
    pool: dict[Any, Any] = {"balance": row[0], "held": hold[1], "sequence": row[1], "generation": "g"}
    await redis.hset(pool_key("acme"), mapping=pool)
    await redis.hset("mr:{acme}:holds", hold[0], hold[1])
    for counter in hold[2]:
        settled = await owner.fetchval(
            "SELECT settled_nano_credits FROM scope_spend WHERE organization_id = 'acme' AND counter = $1", counter
        )
        values: dict[Any, Any] = {"settled": settled, "held": hold[1], "seeded": 1, "generation": "g"}
        await redis.hset(counter_key("acme", counter), mapping=values)


@pytest.mark.also_on_cluster
@pytest.mark.parametrize(
    ("field", "row"), [("balance", "pool"), ("held", "pool"), ("sequence", "pool"), ("settled", "counter")]
)
async def test_a_difference_in_redis_is_reported(
    books: None,
    owner: asyncpg.Connection,
    database_url: str,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    row: str,
) -> None:
    monkeypatch.setattr("usage_service.audit.redis_comparison.PAUSE_S", 0.01)
    await fill_redis(owner, redis)
    finding = await compare(database_url, redis, rows_per_check=20)
    assert (finding.breach_count, finding.examined) == (0, 4)
    key = pool_key("acme") if row == "pool" else counter_key("acme", "api_key:key-1:NEVER:0:0")
    await redis.hincrby(key, field, 1)
    finding = await compare(database_url, redis, rows_per_check=20)
    assert finding.breach_count == 1
    assert finding.breaches[0].row.startswith(row)
    assert finding.breaches[0].fault.startswith(f"{field} is")


@pytest.mark.also_on_cluster
async def test_a_counter_of_another_generation_counts_as_missing(
    books: None, owner: asyncpg.Connection, database_url: str, redis: Redis
) -> None:
    await fill_redis(owner, redis)
    stale: dict[Any, Any] = {"settled": 1, "held": 1, "seeded": 1, "generation": "before"}
    await redis.hset(counter_key("acme", "api_key:key-1:NEVER:0:0"), mapping=stale)
    finding = await compare(database_url, redis, rows_per_check=20)
    assert (finding.breach_count, finding.examined) == (0, 3)


async def run_command(database_url: str, redis_url: str, *arguments: str) -> tuple[int, str]:
    logins = service_database_urls(database_url, {})
    environment = {
        **os.environ, **logins, "MEGAROUTER_DATABASE_URL": database_url, "MEGAROUTER_REDIS_URL": redis_url,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "usage_service.audit", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_command_prints_the_report_and_exits_with_its_result(
    books: None, owner: asyncpg.Connection, database_url: str, redis_server: RedisServer, redis: Redis
) -> None:
    await fill_redis(owner, redis)
    status, text = await run_command(database_url, redis_server.url, "--redis")
    besides = ("no-break-out", "the comparison with Redis")
    assert (status, f"every promise holds; {len(CHECKS) + len(besides)} checks" in text) == (0, True), text
    assert "unconfirmed" in text
    async with unguarded(owner):
        await owner.execute("UPDATE holds SET state = 'HELD', resolve_time = NULL WHERE state = 'VOIDED'")
    status, text = await run_command(database_url, redis_server.url, "--rows", "1")
    assert status == 1
    assert "BREACH  holds-resolved-once" in text
    assert "its record says VOIDED" in text
    assert (await run_command("postgresql://unknown:secret@127.0.0.1:1/none", redis_server.url))[0] == 2


def test_the_runner_audits_the_stack_of_a_home(
    books: None, database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert CliRunner().invoke(application, ["audit", "--home", str(tmp_path)]).exit_code == 1
    (tmp_path / "env").write_text(f"MEGAROUTER_DATABASE_URL={database_url}\n", encoding="utf-8")
    assert CliRunner().invoke(application, ["audit", "--home", str(tmp_path)]).exit_code == 0
    assert "every promise holds" in capfd.readouterr().out
