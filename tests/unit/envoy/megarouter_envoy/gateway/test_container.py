"""What a container's Envoy is configured with, from the program that an init container runs."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster import v3 as cluster
from megarouter_envoy.gateway import __main__ as program
from megarouter_envoy.gateway.container import PORTS
from megarouter_envoy.gateway.live_resources import CLUSTER_TYPE
from megarouter_envoy.module import find_module
from megarouter_envoy.names import AUTHZ_CLUSTER

OPENAI_KEY, OTHER_KEY = "sk-a-key-of-openai", "sk-a-key-of-anthropic"
Environment = dict[str, str]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The variables of an init container, with the default catalog."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "OPENAI_API_KEY").write_text(OPENAI_KEY)
    (tmp_path / "edge-secret").write_text("ab" * 32)
    for name in [name for name in os.environ if name.startswith("MEGAROUTER_")]:
        monkeypatch.delenv(name)
    values = {
        "MEGAROUTER_ENVOY_FOLDER": str(tmp_path / "envoy"),
        "MEGAROUTER_SOCKETS_FOLDER": "/run/megarouter/sockets",
        "MEGAROUTER_CREDENTIALS_FOLDER": str(credentials),
        "MEGAROUTER_EDGE_SECRET_FILE": str(tmp_path / "edge-secret"),
        "MEGAROUTER_ENVOY_MODULE": str(find_module()),
        "MEGAROUTER_PUBLIC_ADDRESS": "0.0.0.0",  # noqa: S104 - as in a pod
        "MEGAROUTER_ALLOW_PLAIN_HTTP": "true",
        "MEGAROUTER_CONSOLE": "false",
        "MEGAROUTER_AUTHZ_WORKERS": "3",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def bootstrap(environment: Environment) -> dict[str, Any]:
    assert program.main() == 0
    text = Path(environment["MEGAROUTER_ENVOY_FOLDER"], "bootstrap.json").read_text()
    document: dict[str, Any] = json.loads(text)["static_resources"]
    return document


def first_clusters(environment: Environment) -> list[cluster.Cluster]:
    """Returns the clusters that discovery serves before it has read the database."""
    assert program.main() == 0
    document = json.loads(Path(environment["MEGAROUTER_ENVOY_FOLDER"], "live", "last-good.json").read_text())
    values = [one["value"] for one in document["resources"] if one["type_url"] == CLUSTER_TYPE]
    return [cluster.Cluster().parse(base64.b64decode(value)) for value in values]


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    assert program.main() == 1
    return capsys.readouterr().err


def test_only_providers_with_a_credential_have_a_cluster(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [one.name for one in first_clusters(environment)] == ["provider-openai", "ownkey-openai"]
    assert "no credential" in (said := capsys.readouterr().out)
    assert "anthropic" in said


def test_a_key_is_sent_from_its_mounted_file_so_that_a_replaced_one_is_noticed(environment: Environment) -> None:
    bootstrap(environment)
    source = Path(environment["MEGAROUTER_ENVOY_FOLDER"], "secret-sources", "credential-openai.json").read_text()
    assert f"{environment['MEGAROUTER_CREDENTIALS_FOLDER']}/OPENAI_API_KEY" in source


def test_no_written_file_has_a_secret(environment: Environment) -> None:
    bootstrap(environment)
    files = [file for file in Path(environment["MEGAROUTER_ENVOY_FOLDER"]).rglob("*") if file.is_file()]
    assert files
    assert not [file.name for file in files if OPENAI_KEY.encode() in file.read_bytes()]


def test_envoy_listens_at_fixed_ports_and_asks_every_worker(environment: Environment) -> None:
    document = bootstrap(environment)
    ports = {one["name"]: one["address"]["socket_address"] for one in document["listeners"]}
    assert {name: port["port_value"] for name, port in ports.items()} == {
        "model": PORTS.model,
        "admin": PORTS.admin,
        "metrics": PORTS.metrics,
    }
    [authz] = [cluster for cluster in document["clusters"] if cluster["name"] == AUTHZ_CLUSTER]
    endpoints = authz["load_assignment"]["endpoints"][0]["lb_endpoints"]
    paths = [one["endpoint"]["address"]["pipe"]["path"] for one in endpoints]
    assert paths == [f"/run/megarouter/sockets/authz-envoy{suffix}.sock" for suffix in ("", "-1", "-2")]


def test_the_mock_answers_for_providers_without_a_credential_if_it_is_named(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEGAROUTER_MOCK_PROVIDER", "mock:18005")
    found = {one.name: one.to_json() for one in first_clusters(environment)}
    assert '"mock"' in found["provider-anthropic"]


def test_the_bootstrap_has_no_provider_because_they_change_while_envoy_runs(environment: Environment) -> None:
    names = [one["name"] for one in bootstrap(environment)["clusters"]]
    assert "discovery" in names
    assert not [name for name in names if name.startswith(("provider-", "ownkey-", "fallback-"))]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEGAROUTER_UNKNOWN", "1"),
        ("MEGAROUTER_EDGE_SECRET_FILE", ""),
        ("MEGAROUTER_EDGE_SECRET_FILE", "/missing"),
        ("MEGAROUTER_CREDENTIALS_FOLDER", "/missing"),
        ("MEGAROUTER_AUTHZ_WORKERS", "0"),
        ("MEGAROUTER_CONSOLE", "yes"),
        ("MEGAROUTER_MODEL_URL", ""),
        ("MEGAROUTER_MOCK_PROVIDER", "mock"),
        ("MEGAROUTER_ALLOW_PLAIN_HTTP", "false"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    if name == "MEGAROUTER_MODEL_URL":
        monkeypatch.setenv("MEGAROUTER_CONSOLE", "true")
    monkeypatch.setenv(name, value)
    assert name in refusal(capsys)


def test_a_credential_that_ends_with_a_line_break_is_refused_without_showing_it(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(environment["MEGAROUTER_CREDENTIALS_FOLDER"], "OPENAI_API_KEY").write_text(f"{OPENAI_KEY}\n")
    said = refusal(capsys)
    assert "OPENAI_API_KEY" in said
    assert OPENAI_KEY not in said


def test_an_edge_secret_that_ends_with_a_line_break_is_refused_without_showing_it(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(environment["MEGAROUTER_EDGE_SECRET_FILE"]).write_text("cd" * 32 + "\n")
    said = refusal(capsys)
    assert "MEGAROUTER_EDGE_SECRET_FILE: edge-secret" in said
    assert "line break" in said
    assert "cd" * 32 not in said
