import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from megarouter_envoy.settings.public_listeners import PublicListeners

from deploy.local.stack.database_urls import DatabaseUrlError, login_url
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
SECRETS = StackSecrets(
    "51" * 32, "9e" * 32, "postgres-password", "redis-password", "ed" * 32, "c4" * 32, "c5" * 32, "whsec_aW5ib3g="
)
OWNER = "postgresql://owner:password@host/db"
LOGINS = {
    "MEGAROUTER_AUTHZ_DATABASE_URL": "postgresql://megarouter_authz:1@host/db",
    "MEGAROUTER_USAGE_DATABASE_URL": "postgresql://megarouter_usage:2@host/db",
    "MEGAROUTER_ADMIN_DATABASE_URL": "postgresql://megarouter_admin:3@host/db",
    "MEGAROUTER_NOTIFICATION_DATABASE_URL": "postgresql://megarouter_notification:4@host/db",
}
BACKENDS = Backends(OWNER, "redis://own", LOGINS, embedded_postgres=True, embedded_redis=True)


def _of(service: str) -> dict[str, str]:
    return service_environment(service, HOME, SECRETS, BACKENDS, Path("/srv/catalog.yaml"), {"PATH": "/bin"})


def test_a_service_gets_only_the_secrets_it_needs() -> None:
    signing, pepper = "MEGAROUTER_HOLD_SIGNING_KEY", "MEGAROUTER_KEY_PEPPER"
    authz, usage, admin, notification = LOGINS
    redis, edge = "MEGAROUTER_REDIS_URL", "MEGAROUTER_EDGE_SECRET"
    channel, credential = "MEGAROUTER_CHANNEL_KEY", "MEGAROUTER_CREDENTIAL_KEY"
    secret = {signing, pepper, "MEGAROUTER_DATABASE_URL", *LOGINS, redis, edge, channel, credential}
    assert _of("authz").keys() & secret == {signing, pepper, authz, redis}
    assert _of("ratelimit").keys() & secret == {redis}
    assert _of("usage").keys() & secret == {signing, usage, redis}
    assert _of("admin").keys() & secret == {pepper, admin, redis, edge, channel, credential}
    assert _of("notification").keys() & secret == {notification, channel}


def test_each_service_listens_on_its_own_socket() -> None:
    assert _of("authz")["MEGAROUTER_LISTEN"] == "unix:/srv/run/sockets/authz.sock"


def test_provider_credentials_and_database_urls_are_passed_only_where_needed() -> None:
    caller = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "secret",
        "MEGAROUTER_DATABASE_URL": "postgresql://user:secret@elsewhere/db",
        **LOGINS,
        "MEGAROUTER_API_KEY": "secret",
        "MEGAROUTER_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
    }
    assert inherited(caller) == {
        "PATH": "/bin",
        "MEGAROUTER_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
    }


def test_a_given_database_replaces_only_the_embedded_one() -> None:
    given = {"MEGAROUTER_DATABASE_URL": "postgresql://me:secret@theirs/db"}
    backends = choose_backends(given, OWNER, "redis://own")
    assert (backends.database_url, backends.redis_url) == ("postgresql://me:secret@theirs/db", "redis://own")
    assert (backends.embedded_postgres, backends.embedded_redis) == (False, True)


def test_a_shell_that_sourced_the_env_file_of_this_home_still_gets_the_embedded_databases() -> None:
    sourced = {"MEGAROUTER_DATABASE_URL": OWNER, "MEGAROUTER_REDIS_URL": "redis://own", **LOGINS}
    backends = choose_backends(sourced, OWNER, "redis://own")
    assert (backends.embedded_postgres, backends.embedded_redis) == (True, True)
    assert backends.service_database_urls == choose_backends({}, OWNER, "redis://own").service_database_urls


def test_given_logins_for_a_given_database_are_used() -> None:
    given = {"MEGAROUTER_DATABASE_URL": "postgresql://me@theirs/db", **LOGINS}
    assert choose_backends(given, OWNER, "redis://own").service_database_urls == LOGINS


def test_a_login_is_derived_from_the_owners_password_without_containing_it() -> None:
    url = login_url("postgresql://me:se%40cret@db:5433/books?sslmode=require", "megarouter_usage")
    assert re.fullmatch(r"postgresql://megarouter_usage:[\w-]{43}@db:5433/books\?sslmode=require", url)
    assert "cret" not in url
    assert url == login_url("postgresql://other:se%40cret@db:5433/books?sslmode=require", "megarouter_usage")
    assert url != login_url("postgresql://me:another@db:5433/books?sslmode=require", "megarouter_usage")
    assert urlsplit(url).password != urlsplit(login_url(OWNER, "megarouter_authz")).password


def test_logins_must_be_given_if_the_owner_has_no_password() -> None:
    with pytest.raises(DatabaseUrlError, match="set MEGAROUTER_AUTHZ_DATABASE_URL, MEGAROUTER_USAGE_DATABASE_URL"):
        choose_backends({"MEGAROUTER_DATABASE_URL": "postgresql://me@theirs/db"}, OWNER, "redis://own")


def test_the_env_file_has_exactly_the_documented_variables() -> None:
    values = client_environment(
        Ports(18000), BACKENDS, Demo("organizations/acme", "token", "key"), PublicListeners().url
    )
    assert values == {
        "MEGAROUTER_BASE_URL": "http://127.0.0.1:18000",
        "MEGAROUTER_API_KEY": "key",
        "MEGAROUTER_ADMIN_URL": "http://127.0.0.1:18001",
        "MEGAROUTER_ADMIN_ADDRESS": "127.0.0.1:18001",
        "MEGAROUTER_ADMIN_TOKEN": "token",
        "MEGAROUTER_ORGANIZATION": "organizations/acme",
        "MEGAROUTER_DATABASE_URL": OWNER,
        **LOGINS,
        "MEGAROUTER_REDIS_URL": "redis://own",
        "MEGAROUTER_INBOX_URL": "http://127.0.0.1:18011",
        "MEGAROUTER_CONSOLE_URL": "http://127.0.0.1:18001/console/",
    }


@pytest.mark.parametrize(
    "value", ["plain", "two words", "a'b\"c", "$HOME `id` \\ ;&|", "", "=x=", "postgresql://u:p@h/d?x=1&y"]
)
def test_a_shell_that_sources_the_env_file_gets_the_exact_values(value: str, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(render_environment({"FIRST": "1", "VALUE": value}))
    result = subprocess.run(
        ["sh", "-c", '. "$1"; printf %s "$VALUE"', "sh", str(file)], capture_output=True, text=True, check=True
    )
    assert result.stdout == value
    assert parse_environment(file.read_text()) == {"FIRST": "1", "VALUE": value}


def test_secrets_are_not_in_a_repr() -> None:
    assert "password" not in repr(SECRETS)
    assert "host" not in repr(BACKENDS)
