import json
from pathlib import Path

import pytest
from megarouter_envoy.settings.catalog_summary import ModelEntry, ProviderEntry
from megarouter_envoy.settings.providers import Address, ProviderError, Route, example_model, plan_routes

MOCK_PORT = 18005
MOCK = Address("127.0.0.1", MOCK_PORT)


def _provider(name: str, url: str, header: str) -> ProviderEntry:
    return ProviderEntry(name, url, credential_env=f"{name.upper()}_API_KEY", credential_header=header)


OPENAI = _provider("openai", "https://api.openai.com/v1", "authorization")
ANTHROPIC = _provider("anthropic", "https://api.anthropic.com", "x-api-key")
LOCAL = _provider("local", "http://10.0.0.7:8080/v1", "authorization")


def test_every_provider_is_the_mock_without_credentials() -> None:
    routes = plan_routes([OPENAI, ANTHROPIC], {}, MOCK)
    assert routes == (
        Route("openai", "127.0.0.1", MOCK_PORT, tls=False),
        Route("anthropic", "127.0.0.1", MOCK_PORT, tls=False),
    )
    assert all(route.is_mock for route in routes)


def test_a_provider_with_a_credential_is_the_real_one() -> None:
    openai, anthropic = plan_routes([OPENAI, ANTHROPIC], {"OPENAI_API_KEY": "sk-1"}, MOCK)
    assert openai == Route(
        name="openai",
        host="api.openai.com",
        port=443,
        tls=True,
        credential_header="authorization",
        credential_prefix="Bearer ",
        credential="sk-1",
    )
    assert anthropic.is_mock


def test_only_the_authorization_header_has_a_prefix() -> None:
    (route,) = plan_routes([ANTHROPIC], {"ANTHROPIC_API_KEY": "sk-2"}, MOCK)
    assert (route.credential_header, route.credential_prefix) == ("x-api-key", "")


def test_a_plain_http_provider_keeps_its_port_and_has_no_tls() -> None:
    (route,) = plan_routes([LOCAL], {"LOCAL_API_KEY": "x"}, MOCK)
    assert (route.host, route.port, route.tls) == ("10.0.0.7", 8080, False)


AWS = ProviderEntry(
    "aws",
    "https://bedrock-runtime.eu-central-1.amazonaws.com/anthropic/v1",
    "AWS_KEY",
    "authorization",
    {"kind": "aws_signature", "region": "eu-central-1", "service": "bedrock"},
)


@pytest.mark.parametrize("value", ["AKID", "AKID:", ":secret", "AKID:secret:token:more"])
def test_what_is_no_aws_access_key_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(ProviderError, match="AWS_KEY: give ACCESS_KEY_ID:SECRET_ACCESS_KEY") as refusal:
        plan_routes([AWS], {"AWS_KEY": value}, MOCK)
    assert value not in str(refusal.value)


@pytest.mark.parametrize(("value", "is_found"), [("AKID:secret", False), ("environment", True)])
def test_envoy_finds_an_access_key_itself_only_if_told_to(value: str, *, is_found: bool) -> None:
    (route,) = plan_routes([AWS], {"AWS_KEY": value}, MOCK)
    assert route.has_aws_environment is is_found


GOOGLE = ProviderEntry(
    "vertex", "https://x.example/v1", "VERTEX_KEY", "authorization", {"kind": "google_service_account", "scope": "s"}
)


@pytest.mark.parametrize("as_file", [False, True])
def test_the_key_of_a_service_account_comes_from_the_variable_or_its_file(tmp_path: Path, *, as_file: bool) -> None:
    key = '{"type": "service_account",\n "client_email": "ä"}'
    file = tmp_path / "key.json"
    file.write_text(key, encoding="utf-8")
    (route,) = plan_routes([GOOGLE], {"VERTEX_KEY": str(file) if as_file else key}, MOCK)
    assert route.wants_token
    assert route.credential is not None
    assert json.loads(route.credential) == json.loads(key)


@pytest.mark.parametrize("value", ["s3cret", "{}", "/no/such/file", '{"type": "authorized_user"}'])
def test_what_is_no_key_of_a_service_account_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(ProviderError, match="VERTEX_KEY") as refusal:
        plan_routes([GOOGLE], {"VERTEX_KEY": value}, MOCK)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_credential_counts_as_absent(value: str) -> None:
    assert plan_routes([OPENAI], {"OPENAI_API_KEY": value}, MOCK)[0].is_mock


@pytest.mark.parametrize("value", ["a\nb", "schlüssel", "a\x00b"])
def test_a_credential_invalid_in_a_header_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(ProviderError, match="OPENAI_API_KEY") as refusal:
        plan_routes([OPENAI], {"OPENAI_API_KEY": value}, MOCK)
    assert value not in str(refusal.value)


def test_a_credential_is_not_in_a_repr() -> None:
    assert "sk-secret" not in repr(plan_routes([OPENAI], {"OPENAI_API_KEY": "sk-secret"}, MOCK))


def test_the_example_uses_the_mock_if_possible() -> None:
    models = [
        ModelEntry("embedder", "local", answers_chat=False),
        ModelEntry("paid", "openai", answers_chat=True),
        ModelEntry("free", "local", answers_chat=True),
    ]
    routes = plan_routes([OPENAI, LOCAL], {"OPENAI_API_KEY": "sk-1"}, MOCK)
    assert example_model(models, routes) == "free"
    assert example_model(models[:2], routes) == "paid"
    assert example_model(models[:1], routes) is None
