"""The command `python -m megarouter_envoy`."""

import json
from pathlib import Path
from typing import Any

import pytest
from megarouter_envoy.__main__ import main
from megarouter_envoy.filters.admin_api import DESCRIPTOR_FILE, prepare_admin_api

OPTIONS: dict[str, Any] = {
    "model_port": 10000,
    "admin_port": 10001,
    "metrics_port": 10002,
    "envoy_admin_socket": "/run/megarouter/envoy-admin.sock",
    "sockets": {name: f"/run/megarouter/{name}.sock" for name in ("authz", "ratelimit", "usage", "admin")},
    "journal_path": "/run/megarouter/usage.log",
    "admin_api": {
        "descriptor_file": str(DESCRIPTOR_FILE),
        "services": ["megarouter.admin.v1.ApiKeys"],
        "json_types_file": "/run/megarouter/admin_json_types.lua",
    },
    "edge_secret_file": "/run/megarouter/edge-secret",
    "providers": [{"name": "mock", "host": "127.0.0.1", "port": 10005, "tls": False}],
}


def test_the_command_writes_a_bootstrap_that_envoy_accepts(tmp_path: Path) -> None:
    (tmp_path / "edge-secret").write_text("secret")
    api = prepare_admin_api(tmp_path / "admin_json_types.lua")
    paths = {
        "journal_path": str(tmp_path / "usage.log"),
        "edge_secret_file": str(tmp_path / "edge-secret"),
        "admin_api": {**OPTIONS["admin_api"], "json_types_file": str(api.json_types_file)},
    }
    (tmp_path / "options.json").write_text(json.dumps({**OPTIONS, **paths}))
    assert main([str(tmp_path / "options.json"), str(tmp_path / "bootstrap.json"), "--validate"]) == 0
    clusters = json.loads((tmp_path / "bootstrap.json").read_text())["static_resources"]["clusters"]
    assert clusters[-1]["name"] == "provider-mock"


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({**OPTIONS, "model_port": "many"})])
def test_the_command_reports_invalid_options(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "options.json").write_text(text)
    assert main([str(tmp_path / "options.json"), str(tmp_path / "bootstrap.json")]) == 1
    assert capsys.readouterr().err
    assert not (tmp_path / "bootstrap.json").exists()
