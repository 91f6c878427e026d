"""The doctor on a real PostgreSQL and a real Redis."""

import re
import tarfile
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from admin_service.doctor import __main__ as doctor
from admin_service.doctor.examination import configured, examine
from admin_service.doctor.findings import Verdict
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.specification import DEFAULT_CATALOG

KEY, PEPPER = "5e" * 32, "70" * 32
Environment = dict[str, str]


@pytest.fixture
def environment(database_url: str, single_redis: RedisServer, tmp_path: Path) -> Environment:
    """The variables of usage_service and authz_service on one machine."""
    return {
        "MEGAROUTER_LISTEN": "unix:/run/megarouter/sockets/usage.sock",
        "MEGAROUTER_USAGE_DATABASE_URL": login_url(database_url, "megarouter_usage"),
        "MEGAROUTER_AUTHZ_DATABASE_URL": login_url(database_url, "megarouter_authz"),
        "MEGAROUTER_REDIS_URL": single_redis.url,
        "MEGAROUTER_HOLD_SIGNING_KEY": KEY,
        "MEGAROUTER_KEY_PEPPER": PEPPER,
        "MEGAROUTER_JOURNAL_FILE": str(tmp_path / "usage.log"),
    }


@pytest.fixture
def process(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


async def faults(service: str, environment: Environment) -> dict[str, str]:
    found = (await examine(service, environment)).findings
    return {finding.subject: finding.text for finding in found if finding.verdict is Verdict.FAULT}


async def test_a_deployment_that_is_well_has_no_fault(environment: Environment) -> None:
    for service in ("usage", "authz", "ratelimit"):
        assert await faults(service, environment) == {}


async def test_every_part_is_examined(environment: Environment) -> None:
    subjects = {finding.subject for finding in (await examine("usage", environment)).findings}
    assert subjects == {
        "settings", "MEGAROUTER_JOURNAL_FILE", "postgres version", "postgres login", "postgres connection", "postgres schema",
        "postgres clock", "redis version", "redis eviction", "redis clock",
    }  # fmt: skip


def test_the_services_of_an_environment_are_found_by_their_settings(environment: Environment) -> None:
    assert configured(environment) == ["authz", "ratelimit", "usage"]


async def test_a_missing_setting_is_named(environment: Environment) -> None:
    del environment["MEGAROUTER_HOLD_SIGNING_KEY"]
    assert "MEGAROUTER_HOLD_SIGNING_KEY" in (await faults("usage", environment))["settings"]


async def test_a_url_of_another_role_is_a_fault(environment: Environment, database_url: str) -> None:
    environment["MEGAROUTER_USAGE_DATABASE_URL"] = database_url
    assert "megarouter_usage" in (await faults("usage", environment))["postgres login"]


async def test_a_schema_of_an_earlier_release_is_a_fault(environment: Environment, owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations)")
    assert "lacks 1 migrations" in (await faults("usage", environment))["postgres schema"]


async def test_a_database_that_is_away_is_a_fault_that_shows_no_password(environment: Environment) -> None:
    environment["MEGAROUTER_USAGE_DATABASE_URL"] = "postgresql://megarouter_usage:a-password@127.0.0.1:1/megarouter"
    environment["MEGAROUTER_REDIS_URL"] = "redis://:a-password@127.0.0.1:1/0"
    found = await faults("usage", environment)
    assert found.keys() == {"postgres", "redis"}
    assert "a-password" not in str(found)


async def test_a_redis_that_evicts_is_a_fault(environment: Environment, redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "noeviction" in (await faults("usage", environment))["redis eviction"]
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_a_journal_that_cannot_be_rotated_is_a_fault(environment: Environment) -> None:
    environment["MEGAROUTER_JOURNAL_FILE"] = "/missing/usage.log"
    assert "MEGAROUTER_JOURNAL_FILE" in await faults("usage", environment)


async def test_a_catalog_that_is_not_valid_is_a_fault(
    environment: Environment, tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "catalog.yaml").write_text("providers: 1")
    wanted = {
        "MEGAROUTER_LISTEN": "unix:/admin.sock",
        "MEGAROUTER_ADMIN_DATABASE_URL": login_url(database_url, "megarouter_admin"),
        "MEGAROUTER_REDIS_URL": environment["MEGAROUTER_REDIS_URL"],
        "MEGAROUTER_KEY_PEPPER": PEPPER,
        "MEGAROUTER_CATALOG_FILE": str(DEFAULT_CATALOG),
    }
    assert await faults("admin", wanted) == {}
    assert "MEGAROUTER_CATALOG_FILE" in await faults(
        "admin", {**wanted, "MEGAROUTER_CATALOG_FILE": str(tmp_path / "catalog.yaml")}
    )


async def test_settings_are_shown_with_defaults_and_without_secrets(environment: Environment) -> None:
    shown = (await examine("usage", environment)).settings
    assert shown["MEGAROUTER_SETTLE_BATCH_ENTRIES"] == "500"
    assert shown["MEGAROUTER_HOLD_SIGNING_KEY"] == "***"
    assert shown["MEGAROUTER_PREVIOUS_HOLD_SIGNING_KEY"] == "not set"
    assert re.fullmatch(r"postgresql://\*\*\*@[^@]+", shown["MEGAROUTER_USAGE_DATABASE_URL"])


def test_the_command_says_what_it_found_and_shows_no_secret(
    process: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "support.tar.gz"
    assert doctor.main(["--settings", "--bundle", str(bundle)]) == 0
    printed = capsys.readouterr().out
    assert "usage_service" in printed
    assert "postgres schema" in printed
    with tarfile.open(bundle) as archive:
        texts = [member.read().decode() for name in archive.getnames() if (member := archive.extractfile(name))]
        assert {Path(name).name for name in archive.getnames()} == {
            "findings.json",
            "settings.json",
            "versions.json",
            "metrics.txt",
        }
    passwords = [match[1] for value in process.values() if (match := re.search(r":([^:@/]+)@", value))]
    assert len(passwords) == 3
    for secret in (KEY, PEPPER, *passwords):
        assert secret not in printed
        assert not [text for text in texts if secret in text]
    assert bundle.stat().st_mode & 0o777 == 0o600


def test_a_bundle_replaces_no_file(process: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "support.tar.gz"
    bundle.write_text("kept")
    assert doctor.main(["usage", "--bundle", str(bundle)]) == 2
    assert bundle.read_text() == "kept"
    assert str(bundle) in capsys.readouterr().err


def test_a_fault_is_the_exit_status(process: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEGAROUTER_REDIS_URL", "redis://127.0.0.1:1/0")
    assert doctor.main(["ratelimit"]) == 1


async def found(service: str, environment: Environment) -> dict[str, tuple[Verdict, str]]:
    findings = (await examine(service, environment)).findings
    return {finding.subject: (finding.verdict, finding.text) for finding in findings}


async def test_several_servers_must_be_asked_for_the_primary(environment: Environment) -> None:
    login, _, rest = environment["MEGAROUTER_USAGE_DATABASE_URL"].rpartition("@")
    address, _, database = rest.partition("/")
    several = f"{login}@{address},127.0.0.1:9/{database}"
    assert (
        "target_session_attrs=primary"
        in (await faults("usage", environment | {"MEGAROUTER_USAGE_DATABASE_URL": several}))["postgres servers"]
    )
    asking = environment | {"MEGAROUTER_USAGE_DATABASE_URL": f"{several}&target_session_attrs=primary"}
    assert (await found("usage", asking))["postgres servers"][0] is Verdict.OK
    assert await faults("usage", asking) == {}


async def test_a_pooler_that_is_away_is_a_fault(environment: Environment) -> None:
    away = environment | {"MEGAROUTER_DATABASE_POOLER": "postgresql://127.0.0.1:9"}
    assert "megarouter_usage" in (await faults("usage", away))["postgres pooler"]


async def test_a_replica_must_be_one_but_may_be_away(environment: Environment, database_url: str) -> None:
    administration = environment | {
        "MEGAROUTER_ADMIN_DATABASE_URL": login_url(database_url, "megarouter_admin"),
        "MEGAROUTER_CATALOG_FILE": str(DEFAULT_CATALOG),
    }
    address = database_url.rpartition("@")[2].partition("/")[0]
    itself = administration | {"MEGAROUTER_DATABASE_REPLICA": f"postgresql://{address}"}
    assert "no standby" in (await faults("admin", itself))["postgres replica"]
    away = administration | {"MEGAROUTER_DATABASE_REPLICA": "postgresql://127.0.0.1:9"}
    assert (await found("admin", away))["postgres replica"][0] is Verdict.WARNING
