"""The demo organization in a real database: it is complete, and seeding is idempotent."""

import datetime as dt
import itertools
import json
from pathlib import Path

import asyncpg
import pytest

from admin_service.demo.content import CREDIT_LINE_NANO_CREDITS, GUARDRAILS, MEMBERS, TOKENS
from admin_service.demo.inbox import DemoInbox
from admin_service.demo.secret_file import DemoSecrets, load_or_create
from admin_service.demo.seed import ended_tokens, seed_demo
from deploy.local.stack.database_urls import login_url
from gateway_core.model.organization.bearer_secrets import hash_secret
from gateway_core.stores.channel_seals import Place, open_seal
from tests.contract.admin_service.conftest import PEPPER

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
LIFE = dt.timedelta(days=365)
TOKEN_IDS = [token.token_id for token in TOKENS]
KEY_IDS = [key.key_id for member in MEMBERS for key in member.keys]
TABLES = ("organizations", "groups", "users", "members", "api_keys", "guardrails", "access_tokens", "ledger_transfers",
    "ledger_accounts")  # fmt: skip


@pytest.fixture
def secrets(tmp_path: Path) -> DemoSecrets:
    numbers = itertools.count()
    return load_or_create(
        tmp_path / "secrets.json", KEY_IDS, TOKEN_IDS, lambda size: next(numbers).to_bytes(size, "big")
    )


@pytest.fixture
async def admin(database_url: str) -> asyncpg.Connection:
    """A connection with the privileges of admin_service only."""
    return await asyncpg.connect(login_url(database_url, "megarouter_admin"))


async def seed(connection: asyncpg.Connection, secrets: DemoSecrets) -> None:
    await seed_demo(connection, secrets, bytes.fromhex(PEPPER), NOW, LIFE)


async def contents(owner: asyncpg.Connection) -> dict[str, list[str]]:
    return {
        table: [str(dict(row)) for row in await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608
        for table in TABLES
    }


async def test_the_seed_is_complete_and_has_credit(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await seed(admin, secrets)
    assert await owner.fetchval("SELECT count(*) FROM members") == len(MEMBERS)
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == len(GUARDRAILS)
    assert await owner.fetchval("SELECT max(cardinality(path)) FROM groups") == 4
    balances = await owner.fetch("SELECT account, balance_nano_credits FROM ledger_accounts ORDER BY account")
    assert [tuple(row) for row in balances] == [
        ("ADJUSTMENTS", 0),
        ("CREDIT_POOL", 1_000 * 10**9),
        ("TOP_UPS", -1_000 * 10**9),
        ("USAGE", 0),
    ]


async def test_a_second_seeding_changes_nothing(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await seed(admin, secrets)
    before = await contents(owner)
    await seed(admin, secrets)
    assert await contents(owner) == before


async def test_seeding_again_keeps_manual_changes(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await seed(admin, secrets)
    await owner.execute("UPDATE api_keys SET state = 'DISABLED' WHERE api_key_id = 'emma-default'")
    await owner.execute("UPDATE guardrails SET budget_nano_credits = 7 WHERE scope_id = 'emma'")
    before = await contents(owner)
    await seed(admin, secrets)
    assert await contents(owner) == before


async def test_seeding_with_new_secrets_replaces_the_old_ones(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets, tmp_path: Path
) -> None:
    await seed(admin, secrets)
    numbers = itertools.count(10_000)
    fresh = load_or_create(
        tmp_path / "fresh.json", KEY_IDS, TOKEN_IDS, lambda size: next(numbers).to_bytes(size, "big")
    )
    await seed(admin, fresh)
    hashes = {row["api_key_id"]: row["secret_hash"] for row in await owner.fetch("SELECT * FROM api_keys")}
    assert hashes == {key_id: hash_secret(key, bytes.fromhex(PEPPER)) for key_id, key in fresh.api_keys.items()}
    assert await owner.fetchval("SELECT count(*) FROM access_tokens") == len(TOKENS)


async def test_a_failed_seeding_changes_nothing(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await owner.execute("INSERT INTO users VALUES ('someone-else', 'mia@acme.example', 'Mia')")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await seed(admin, secrets)
    assert await owner.fetchval("SELECT count(*) FROM organizations") == 0


LINE = "SELECT line_nano_credits, used_nano_credits FROM credit_lines WHERE organization_id = 'acme'"


async def test_the_demo_has_a_line_that_an_operator_may_change(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await owner.execute("ALTER TABLE credit_lines ALTER line_nano_credits SET DEFAULT 0")
    await seed(admin, secrets)
    assert tuple(await owner.fetchrow(LINE) or ()) == (CREDIT_LINE_NANO_CREDITS, 1_000 * 10**9)
    await owner.execute("UPDATE credit_lines SET line_nano_credits = used_nano_credits")
    await seed(admin, secrets)
    assert tuple(await owner.fetchrow(LINE) or ()) == (1_000 * 10**9, 1_000 * 10**9)


async def test_a_demo_from_before_operators_gets_a_line_and_an_operator(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    """The migration leaves a line that is used up, and a token that does not operate."""
    await seed(admin, secrets)
    await owner.execute("UPDATE credit_lines SET line_nano_credits = used_nano_credits, user_id = NULL")
    await owner.execute("UPDATE access_tokens SET may_operate = false")
    await seed(admin, secrets)
    assert tuple(await owner.fetchrow(LINE) or ()) == (1_000 * 10**9 + CREDIT_LINE_NANO_CREDITS, 1_000 * 10**9)
    operating = await owner.fetch("SELECT access_token_id FROM access_tokens WHERE may_operate")
    assert [row[0] for row in operating] == ["demo-olivia"]


async def test_tokens_near_their_end_are_renewed_and_others_stay(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    await seed(admin, secrets)
    ends = {"demo-member": NOW + dt.timedelta(days=29), "demo-l1-admin": NOW + dt.timedelta(days=31)}
    for token, end in ends.items():
        await owner.execute("UPDATE access_tokens SET expire_time = $2 WHERE access_token_id = $1", token, end)
    await owner.execute(
        "UPDATE access_tokens SET expire_time = $1 WHERE access_token_id = 'demo-sub-admin'", NOW + 2 * LIFE
    )
    await seed(admin, secrets)
    rows = await owner.fetch("SELECT access_token_id, expire_time FROM access_tokens")
    assert dict(map(tuple, rows)) == {**dict.fromkeys(TOKEN_IDS, NOW + LIFE), "demo-l1-admin": ends["demo-l1-admin"]}


async def test_a_revoked_token_stays_revoked_until_it_has_a_new_secret(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets, tmp_path: Path
) -> None:
    await seed(admin, secrets)
    await owner.execute("UPDATE access_tokens SET revoke_time = now() WHERE access_token_id = 'demo-member'")
    assert await ended_tokens(admin, NOW) == ["demo-member"]
    await seed(admin, secrets)
    assert await ended_tokens(admin, NOW) == ["demo-member"]
    fresh = load_or_create(
        tmp_path / "secrets.json", KEY_IDS, TOKEN_IDS, lambda size: b"n" * size, ended_token_ids=["demo-member"]
    )
    await seed(admin, fresh)
    assert await ended_tokens(admin, NOW) == []
    stored = await owner.fetchval("SELECT secret_hash FROM access_tokens WHERE access_token_id = 'demo-member'")
    assert stored == hash_secret(fresh.access_tokens["demo-member"], bytes.fromhex(PEPPER))


async def test_alerts_go_to_the_inbox_where_it_is_now(
    owner: asyncpg.Connection, admin: asyncpg.Connection, secrets: DemoSecrets
) -> None:
    key, place = bytes(32), Place("acme", "inbox", "target")
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        inbox = DemoInbox(url, "whsec_aW5ib3g=", key)
        await seed_demo(admin, secrets, bytes.fromhex(PEPPER), NOW, LIFE, inbox)
        (channel,) = await owner.fetch("SELECT * FROM notification_channels")
        assert open_seal(channel["sealed_target"], place, [key]) == url
        assert channel["target_hint"] == url.removeprefix("http://")
    rule = await owner.fetchrow("SELECT * FROM notification_rules WHERE rule_id = 'inbox'")
    assert rule is not None
    assert (rule["percents"], json.loads(rule["recipients"])) == ([80, 90, 100], [{"kind": "CHANNEL", "id": "inbox"}])
