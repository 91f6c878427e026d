"""Settings are read from `MEGAROUTER_*`. Missing or unknown ones stop the start, and no secret is quoted (fault K3)."""

import os
from collections.abc import Mapping

import pytest

from gateway_core.runtime.settings import (
    PREFIX,
    AdminSettings,
    AuthzSettings,
    RateLimitSettings,
    ServiceSettings,
    SettingsError,
    UsageSettings,
    load_settings,
)

PASSWORD = "canary-password"
SIGNING_KEY = "5a" * 32
PEPPER = "70" * 32
SECRETS = (PASSWORD, SIGNING_KEY, PEPPER)
ENVIRONMENT = {
    "MEGAROUTER_LISTEN": "unix:/run/service.sock",
    "MEGAROUTER_AUTHZ_DATABASE_URL": f"postgresql://megarouter_authz:{PASSWORD}@db/megarouter",
    "MEGAROUTER_USAGE_DATABASE_URL": f"postgresql://megarouter_usage:{PASSWORD}@db/megarouter",
    "MEGAROUTER_ADMIN_DATABASE_URL": f"postgresql://megarouter_admin:{PASSWORD}@db/megarouter",
    "MEGAROUTER_REDIS_URL": f"redis://:{PASSWORD}@redis/0",
    "MEGAROUTER_HOLD_SIGNING_KEY": SIGNING_KEY,
    "MEGAROUTER_KEY_PEPPER": PEPPER,
    "MEGAROUTER_JOURNAL_FILE": "/var/usage.log",
    "MEGAROUTER_CATALOG_FILE": "/etc/catalog.yaml",
}
NEEDED: dict[type[ServiceSettings], set[str]] = {
    AuthzSettings: {"LISTEN", "AUTHZ_DATABASE_URL", "REDIS_URL", "HOLD_SIGNING_KEY", "KEY_PEPPER"},
    RateLimitSettings: {"LISTEN", "REDIS_URL"},
    UsageSettings: {"LISTEN", "USAGE_DATABASE_URL", "REDIS_URL", "HOLD_SIGNING_KEY", "JOURNAL_FILE"},
    AdminSettings: {"LISTEN", "ADMIN_DATABASE_URL", "REDIS_URL", "KEY_PEPPER", "CATALOG_FILE"},
}


def load(
    monkeypatch: pytest.MonkeyPatch, settings_class: type[ServiceSettings], variables: Mapping[str, str]
) -> ServiceSettings:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(settings_class)


@pytest.mark.parametrize("settings_class", NEEDED)
def test_a_service_starts_with_its_required_settings(
    monkeypatch: pytest.MonkeyPatch, settings_class: type[ServiceSettings]
) -> None:
    needed = {name: value for name, value in ENVIRONMENT.items() if name.removeprefix(PREFIX) in NEEDED[settings_class]}
    assert load(monkeypatch, settings_class, needed).listen == "unix:/run/service.sock"


@pytest.mark.parametrize(
    ("settings_class", "name"),
    [(settings_class, name) for settings_class, names in NEEDED.items() for name in sorted(names)],
)
def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, settings_class: type[ServiceSettings], name: str
) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != PREFIX + name}
    with pytest.raises(SettingsError, match=f"{PREFIX}{name}: Field required"):
        load(monkeypatch, settings_class, environment)


def test_all_missing_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, AuthzSettings, {})
    assert all(PREFIX + name in str(caught.value) for name in NEEDED[AuthzSettings])


@pytest.mark.parametrize("name", ["MEGAROUTER_DATABASE_URI", "MEGAROUTER_", "MEGAROUTER_listen"])
def test_an_unknown_megarouter_variable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown settings {name}"):
        load(monkeypatch, AuthzSettings, {**ENVIRONMENT, name: PASSWORD})


@pytest.mark.parametrize(
    "name", ["MEGAROUTER_BASE_URL", "MEGAROUTER_API_KEY", "MEGAROUTER_JOURNAL_FILE", "MEGAROUT", "PATH"]
)
def test_variables_of_clients_and_other_services_are_ignored(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert load(monkeypatch, AuthzSettings, {**ENVIRONMENT, name: "x"}).log_level == "INFO"


@pytest.mark.parametrize("name", ["MEGAROUTER_HOLD_SIGNING_KEY", "MEGAROUTER_KEY_PEPPER"])
@pytest.mark.parametrize("value", ["", "5a", SIGNING_KEY[:-1], SIGNING_KEY + "5"])
def test_a_key_of_the_wrong_length_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load(monkeypatch, AuthzSettings, {**ENVIRONMENT, name: value})


@pytest.mark.parametrize("value", ["", "many", "1.5"])
def test_an_invalid_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(SettingsError, match="MEGAROUTER_DATABASE_POOL_SIZE"):
        load(monkeypatch, AuthzSettings, {**ENVIRONMENT, "MEGAROUTER_DATABASE_POOL_SIZE": value})


@pytest.mark.parametrize("settings_class", NEEDED)
def test_no_secret_is_in_a_repr(monkeypatch: pytest.MonkeyPatch, settings_class: type[ServiceSettings]) -> None:
    settings = load(monkeypatch, settings_class, ENVIRONMENT)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert not any(secret in shown for secret in SECRETS)


def test_no_secret_is_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, AuthzSettings, {**ENVIRONMENT, "MEGAROUTER_KEY_PEPPER": PASSWORD})
    assert not any(secret in str(caught.value) for secret in SECRETS)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("hosts", ["", "redis-0:x", "redis-0,,redis-1", "redis-0/3"])
def test_an_invalid_redis_cluster_url_stops_the_start(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    variables = {
        "MEGAROUTER_LISTEN": "unix:/run/service.sock",
        "MEGAROUTER_REDIS_URL": f"redis+cluster://:{PASSWORD}@{hosts}",
    }
    with pytest.raises(SettingsError, match=r"MEGAROUTER_REDIS_URL: .*Redis Cluster") as raised:
        load(monkeypatch, RateLimitSettings, variables)
    assert PASSWORD not in str(raised.value)
