import subprocess
from pathlib import Path

import pytest

from deploy.local.stack.environment import (
    Backends,
    Demo,
    choose_backends,
    client_environment,
    inherited,
    parse_environment,
    render_environment,
    service_environment,
)
from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.secrets import StackSecrets

HOME = Home(Path("/srv/run"))
SECRETS = StackSecrets("51" * 32, "9e" * 32, "postgres-password", "redis-password", "ed" * 32)
BACKENDS = Backends("postgresql://own", "redis://own", embedded_postgres=True, embedded_redis=True)


def _of(service: str) -> dict[str, str]:
    return service_environment(service, HOME, SECRETS, BACKENDS, Path("/srv/catalog.yaml"), {"PATH": "/bin"})


def test_a_service_gets_only_the_secrets_it_needs() -> None:
    signing, pepper = "MEGAROUTER_HOLD_SIGNING_KEY", "MEGAROUTER_KEY_PEPPER"
    database, redis = "MEGAROUTER_DATABASE_URL", "MEGAROUTER_REDIS_URL"
    edge = "MEGAROUTER_EDGE_SECRET"
    secret = {signing, pepper, database, redis, edge}
    assert _of("authz").keys() & secret == {signing, pepper, database, redis}
    assert _of("ratelimit").keys() & secret == {redis}
    assert _of("usage").keys() & secret == {signing, database, redis}
    assert _of("admin").keys() & secret == {pepper, database, redis, edge}


def test_each_service_listens_on_its_own_socket() -> None:
    assert _of("authz")["MEGAROUTER_LISTEN"] == "unix:/srv/run/sockets/authz.sock"


def test_credentials_of_providers_and_urls_of_databases_are_not_handed_to_every_process() -> None:
    caller = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "secret",
        "MEGAROUTER_DATABASE_URL": "postgresql://user:secret@elsewhere/db",
        "MEGAROUTER_API_KEY": "secret",
        "MEGAROUTER_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
    }
    assert inherited(caller) == {
        "PATH": "/bin",
        "MEGAROUTER_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
    }


def test_a_given_database_replaces_the_embedded_one_alone() -> None:
    backends = choose_backends({"MEGAROUTER_DATABASE_URL": "postgresql://theirs"}, "postgresql://own", "redis://own")
    assert backends == Backends("postgresql://theirs", "redis://own", embedded_postgres=False, embedded_redis=True)


def test_a_shell_that_sourced_the_env_file_of_this_home_still_gets_the_embedded_databases() -> None:
    sourced = {"MEGAROUTER_DATABASE_URL": "postgresql://own", "MEGAROUTER_REDIS_URL": "redis://own"}
    assert choose_backends(sourced, "postgresql://own", "redis://own") == BACKENDS


def test_the_env_file_has_exactly_the_published_keys() -> None:
    values = client_environment(Ports(18000), BACKENDS, Demo("organizations/acme", "token", "key"))
    assert values == {
        "MEGAROUTER_BASE_URL": "http://127.0.0.1:18000",
        "MEGAROUTER_API_KEY": "key",
        "MEGAROUTER_ADMIN_URL": "http://127.0.0.1:18001",
        "MEGAROUTER_ADMIN_ADDRESS": "127.0.0.1:18001",
        "MEGAROUTER_ADMIN_TOKEN": "token",
        "MEGAROUTER_ORGANIZATION": "organizations/acme",
        "MEGAROUTER_DATABASE_URL": "postgresql://own",
        "MEGAROUTER_REDIS_URL": "redis://own",
    }


@pytest.mark.parametrize(
    "value", ["plain", "two words", "a'b\"c", "$HOME `id` \\ ;&|", "", "=x=", "postgresql://u:p@h/d?x=1&y"]
)
def test_a_shell_that_sources_the_env_file_gets_the_very_value(value: str, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(render_environment({"FIRST": "1", "VALUE": value}))
    result = subprocess.run(
        ["sh", "-c", '. "$1"; printf %s "$VALUE"', "sh", str(file)], capture_output=True, text=True, check=True
    )
    assert result.stdout == value
    assert parse_environment(file.read_text()) == {"FIRST": "1", "VALUE": value}


def test_secrets_do_not_show_in_a_representation() -> None:
    assert "password" not in repr(SECRETS)
    assert "own" not in repr(BACKENDS)
